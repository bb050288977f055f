"""Fields of a file's compounds, taken with their type or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.voxel.export.formats.nbt import Value

Kind = TypeVar("Kind")


def field(compound: Mapping[str, Value], name: str, kind: type[Kind]) -> Kind:
    """The field `name`, which must be there and of this type.

    Raises:
        ValueError: it is not.
    """
    value = compound.get(name)
    if not isinstance(value, kind):
        found = "missing" if value is None else f"a {type(value).__name__}"
        raise ValueError(f"{name!r} is {found}: expected a {kind.__name__}")  # noqa: TRY004  # the file is wrong
    return value


def integer(compound: Mapping[str, Value], name: str) -> int:
    """The field `name`, an integer of any width.

    Raises:
        ValueError: it is missing, or something else.
    """
    value: np.signedinteger[Any] = field(compound, name, np.signedinteger)
    return int(value)
