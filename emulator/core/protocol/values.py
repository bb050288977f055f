"""JSON values as a model's shapes mean them: read from a request, written to a response.

Operations see strings, numbers, booleans, bytes, and timestamps as float seconds since the epoch. Members
that the model does not know are passed through both ways, so that what a newer client sends is not lost.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, StructureShape
from botocore.utils import parse_timestamp

from meshtwin.emulator.core.protocol.constraints import camel
from meshtwin.emulator.core.protocol.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import Shape

_INTEGER_LIMITS = {"integer": 2**31, "long": 2**63}
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_NAMES = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double"}
_MILLISECONDS = 3


def read(shape: Shape, value: object, path: str = "") -> Any:  # noqa: ANN401  # of the shape's type
    """A JSON value as the operation gets it.

    Raises:
        SerializationError: the value is of another type than the shape.
    """
    if isinstance(shape, StructureShape):
        return _read_structure(shape, value, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _unexpected(value, path, "List")
        return [read(shape.member, item, f"{path}.{number}.member") for number, item in enumerate(value, 1)]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _unexpected(value, path, "Map")
        return {
            key: read(shape.value, item, f"{path}.{key}.member")
            for key, item in value.items()
            if item is not None
        }
    return _read_scalar(shape, value, path)


def _read_structure(shape: StructureShape, value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unexpected(value, path, "Structure")
    prefix = f"{path}." if path else ""
    members = shape.members
    return {
        name: read(members[name], item, prefix + camel(name)) if name in members else item
        for name, item in value.items()
        if item is not None
    }


def _read_scalar(shape: Shape, value: object, path: str) -> object:
    kind = shape.type_name
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "timestamp":
        return _read_timestamp(value, path)
    if kind == "blob" and isinstance(value, str):
        return _read_blob(value, path)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if kind in {"float", "double"}:
            return value
        if kind in _INTEGER_LIMITS and value == int(value) and abs(value) < _INTEGER_LIMITS[kind]:
            return int(value)
    raise _unexpected(value, path, _NAMES.get(kind, kind.capitalize()))


def _read_timestamp(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _unexpected(value, path, "Timestamp")
    if isinstance(value, int | float):
        return float(value)
    try:
        return parse_timestamp(value).timestamp()
    except (ValueError, OverflowError):
        raise _unexpected(value, path, "Timestamp") from None


def _read_blob(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _unexpected(value, path, "Blob") from None


def _unexpected(value: object, path: str, wanted: str) -> SerializationError:
    kinds = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", str: "STRING", list: "ARRAY", dict: "OBJECT"}
    found = kinds.get(type(value), "NULL")
    where = f" at '{path}'" if path else ""
    return SerializationError(f"{found}_VALUE{where} cannot be converted to a {wanted}")


def write(shape: Shape, value: Any) -> Any:  # noqa: ANN401  # the JSON value of the shape's type
    """What an operation answered, ready for `json.dumps`."""
    if isinstance(shape, StructureShape):
        return _write_structure(shape, value)
    if isinstance(shape, ListShape):
        return [write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: write(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode("ascii")
    if shape.type_name == "timestamp":
        return round(value, _MILLISECONDS)
    return value


def _write_structure(shape: StructureShape, value: Mapping[str, Any]) -> dict[str, Any]:
    members = shape.members
    return {
        name: write(members[name], item) if name in members else item
        for name, item in value.items()
        if item is not None
    }


def read_text(shape: Shape, text: str, path: str) -> object:
    """The value of a scalar member that came as text: in a header, a path or a query.

    Raises:
        SerializationError: the text is not of the member's type.
    """
    kind = shape.type_name
    if kind == "string":
        return text
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind in _INTEGER_LIMITS and _INTEGER.fullmatch(text):
        return _read_scalar(shape, int(text), path)
    if kind in {"float", "double"} and _DECIMAL.fullmatch(text):
        return float(text)
    raise _unexpected(text, path, _NAMES.get(kind, kind.capitalize()))


def write_text(shape: Shape, value: object) -> str:
    """A scalar member as it stands in a header."""
    return str(value).lower() if shape.type_name == "boolean" else str(value)
