"""moto, less what it does again for each request though it comes to the same.

It lists its own folder, to see which services there are; it looks through all members of a service's class,
to see which operations there are; and for each value of an item of DynamoDB it asks for each of the ten types
by all names that a type could go under. That is a third of the time that a request takes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.core import responses
from moto.core.serialize import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import StructureShape

_HOSTS = 256
"""So many are remembered: a host is made of what a caller calls its service and region."""


def make_moto_quick() -> None:
    """In this process, from now on; again it changes nothing."""
    look = vars(responses)["method_names_from_class"]
    if hasattr(look, "__wrapped__"):
        return
    vars(responses)["method_names_from_class"] = functools.cache(look)
    write = JSONSerializer._serialize_type_structure  # noqa: SLF001  # no other door
    setattr(JSONSerializer, "_serialize_type_structure", _handing_on(write))  # noqa: B010  # a method


def remembering(service_of: Callable[[str | None], Any]) -> Callable[[str | None], Any]:
    """`service_of`, the service that answers at a host, asked once for each."""
    return functools.lru_cache(_HOSTS)(service_of)


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
