"""moto, less what it does again for each request though it comes to the same.

It looks through all members of a service's class, to see which operations there are; for each value of an
item of DynamoDB it asks for each of the ten types by all names that a type could go under; and an
UpdateExpression it parses twice, and walks through ten times, with a look at each node whether it is of a
kind that is changed. That is a third of what a request costs.
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
"""So many, as parsed, are remembered: whoever works on one takes a copy."""


@functools.cache
def make_moto_quick() -> None:
    """In this process, from now on. What a newer moto does not have any more stays as it is there."""
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
    """Texts and numbers of DynamoDB, which are kept as they are sent."""

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


def _walk(walk: Any, node: Any, place: int = -1) -> Any:  # noqa: ANN401  # moto has no types for them
    """As moto walks, which changes children before their parents."""
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
            parent.children[place] = node
    return node


@functools.cache
def _is_node(kind: type) -> bool:
    return issubclass(kind, vars(ast_nodes)["Node"])
