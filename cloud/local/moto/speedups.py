"""Caches for work that moto repeats for each request, a third of a request's cost.

It lists all members of a service's class to find the operations; it tries each of the ten types of a DynamoDB
value under all its possible names; and it parses an UpdateExpression twice and walks through it ten times.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.core import responses
from moto.core.serialize import JSONSerializer
from moto.dynamodb.parsing import ast_nodes, expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import StructureShape

_EXPRESSIONS = 256
"""Size of the cache of parsed expressions; their users copy them."""


@functools.cache
def speed_up_moto() -> None:
    """Patch moto in this process, from now on. What a newer moto no longer has is left alone."""
    for holder, name, quicker in (
        (responses, "method_names_from_class", functools.cache),
        (JSONSerializer, "_serialize_type_structure", _handing_on),
        (getattr(expressions, "UpdateExpressionParser", None), "make", _parsed_once),
        (getattr(ast_nodes, "DepthFirstTraverser", None), "traverse_node_recursively", lambda _: _walk),
    ):
        if (slow := getattr(holder, name, None)) is not None:
            setattr(holder, name, quicker(slow))


def _parsed_once(make: Callable[[str], Any]) -> Any:  # noqa: ANN401  # what a class takes for a static method
    return staticmethod(functools.lru_cache(_EXPRESSIONS)(make))


def _handing_on(write: Callable[..., None]) -> Callable[..., None]:
    """Serialize DynamoDB's texts and numbers as they are: they are stored as sent."""

    @functools.wraps(write)
    def handing_on(
        self: JSONSerializer,
        serialized: dict[str, Any],
        value: Mapping[str, Any],
        shape: StructureShape,
        key: str,
    ) -> None:
        if key and shape.name == "AttributeValue" and _is_as_sent(value):
            serialized[key] = value
        else:
            write(self, serialized, value, shape, key)

    return handing_on


def _is_as_sent(value: Mapping[str, Any]) -> bool:
    return type(value) is dict and len(value) == 1 and isinstance(value.get("S", value.get("N")), str)


_CHANGED: dict[tuple[type, type], bool] = {}
"""Whether a walk of this class changes nodes of that class."""


def _walk(walk: Any, node: Any, index_in_parent: int = -1) -> Any:  # noqa: ANN401  # moto has no types for them
    """Walk as moto does: children before their parents."""
    if not _is_node(type(node)):  # type: ignore[arg-type]  # a class can be hashed
        return node
    parent = node.parent
    for index, child in enumerate(node.children or ()):
        walk.pre_processing_of_child(node, index)
        _walk(walk, child, index)
    kinds = type(walk), type(node)
    if kinds not in _CHANGED:
        _CHANGED[kinds] = issubclass(type(node), walk.nodes_to_be_processed())
    if _CHANGED[kinds]:
        node = walk.process(node)
        node.parent = parent
        if parent:
            parent.children[index_in_parent] = node
    return node


@functools.cache
def _is_node(kind: type) -> bool:
    return issubclass(kind, vars(ast_nodes)["Node"])
