"""What values a setting may have, given in its annotation: `Annotated[float, Between(0, 1)]`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Between:
    """Finite numbers from `least` to `most`; with `above`, `least` itself is excluded."""

    least: float
    most: float = math.inf
    above: bool = False

    @property
    def words(self) -> str:
        """What is expected, as in `1 to 1000`."""
        if self.most < math.inf:
            return f"{self.least} to {self.most}"
        return f"more than {self.least}" if self.above else f"{self.least} or more"

    def allow(self, value: object) -> bool:
        """Whether a value is one of them."""
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.least <= value <= self.most and not (self.above and value == self.least)


@dataclass(frozen=True, slots=True)
class Matching:
    """Texts of a pattern."""

    pattern: str
    words: str

    def allow(self, value: object) -> bool:
        """Whether a value is one of them."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


class RegularExpression:
    """Texts that can be compiled."""

    words = "a regular expression"

    def allow(self, value: object) -> bool:
        """Whether a value is one of them."""
        try:
            re.compile(str(value))
        except re.error:
            return False
        return True


TYPE_WORDS: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}
"""How a message calls a value's type."""

NotNegative = Annotated[float, Between(0)]
Positive = Annotated[float, Between(0, above=True)]
Count = Annotated[int, Between(1)]
Port = Annotated[int, Between(0, 65_535)]
Host = Annotated[str, Matching(r"\S+", "a name or an address")]
Region = Annotated[str, Matching(r"[a-z]+(-[a-z0-9]+)*", "a region such as us-east-1")]
AccountId = Annotated[str, Matching(r"\d{12}", "twelve digits")]


def expectation(hint: object, value: object) -> str | None:
    """What an annotation expects, where the value is not that: its type first, then its bounds."""
    if get_origin(hint) in {Union, UnionType}:
        hint, other = get_args(hint)
        if other is NoneType and value is None:
            return None
    kind, *bounds = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if kind in TYPE_WORDS and not _is_of(value, kind):
        return TYPE_WORDS[kind]
    return next((each.words for each in bounds if not each.allow(value)), None)


def _is_of(value: object, kind: object) -> bool:
    if kind is float:
        kind = int | float
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))  # type: ignore[arg-type]


def refuse_out_of_bounds(settings: DataclassInstance) -> None:
    """Raise a ValueError that names the setting, its value and what is expected."""
    hints = get_type_hints(type(settings), localns={"Mapping": Mapping, "Path": Path}, include_extras=True)
    for name, hint in hints.items():
        value = getattr(settings, name)
        if (expected := expectation(hint, value)) is not None:
            raise ValueError(f"{name} {value!r}: expected {expected}")
