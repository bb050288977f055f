"""Caches for work that moto repeats for each request, a seventh of a request's cost.

It lists all members of a service's class to find the operations; it tries each of the ten types of a DynamoDB
value under all its possible names; and it parses an UpdateExpression twice.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.core import responses
from moto.core.serialize import JSONSerializer
from moto.dynamodb.parsing import expressions

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
