"""The options of a build: each with its default, its range and its message.

What checks a request imports this, so it needs neither numpy nor a table of blocks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from meshtwin.minecraft.voxel.versions import DEFAULT_VERSION, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES = {"small": 32, "medium": 64, "large": 128}
DEFAULT_SIZE = "medium"
MIN_SIZE, MAX_SIZE = 8, 256
MAX_HOLLOW = 128
MAX_ROTATION = 3
MAX_KINDS = 512
MAX_BLOCK_LIST = 512

PALETTES = ("default", "wool-concrete-terracotta", "survival-cheap", "greyscale", "creative")
"""Those of `meshtwin.minecraft.voxel.blocks.palette`, by name."""

DEFAULT_SMOOTHING = 0.005
"""A quarter of what one can just see, for each neighbour that a cell then agrees with."""

CLOSE_MATCH = 0.5
"""How alike a name must be to be offered in place of an unknown one (difflib's ratio)."""

_SHOWN = 60
_DIGITS = re.compile(r"-?[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?")


class Order(StrEnum):
    """ANY: as few commands as can be found. GROUND: bottom-up, layer by layer."""

    ANY = "any"
    GROUND = "ground"


class OptionError(ValueError):
    """A value that an option cannot have: `name`, `value`, and what was `expected`."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} {shortened(value)}: expected {expected}")
        self.name = name
        self.value = value
        self.expected = expected


def shortened(value: object) -> str:
    """A value as a message shows it: a line of a chat is not much longer."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


class _Rule(NamedTuple):
    """`parse` gives an option's value from however it is written, or raises ValueError or TypeError.

    Of a text that is close to one of `names`, that name is offered.
    """

    parse: Callable[[object], object]
    expected: str
    names: tuple[str, ...] = ()


def parse_whole(value: object, low: int, high: int) -> int:
    """A whole number, however it is written: JSON has one kind of number, and writers quote some.

    64.0 is an integer, https://json-schema.org/draft/2020-12/json-schema-core#name-instance-data-model.

    Raises:
        ValueError, TypeError: it is not one in low..high.
    """
    if (isinstance(value, float) and value.is_integer()) or (
        isinstance(value, str) and _DIGITS.fullmatch(value)
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not low <= value <= high:
        raise ValueError
    return value


def parse_share(value: object) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError, TypeError: it is not one.
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not 0 <= value <= 1:  # nor is NaN
        raise ValueError
    return float(value)


def _size(value: object) -> int:
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str) and word in SIZES:
        return SIZES[word]
    return parse_whole(word, MIN_SIZE, MAX_SIZE)


def _hollow(value: object) -> int:
    return parse_whole(int(value) if isinstance(value, bool) else value, 0, MAX_HOLLOW)


def _kinds(value: object) -> int | None:
    return None if value is None else parse_whole(value, 1, MAX_KINDS)


def _order(value: object) -> Order:
    return Order(value)  # type: ignore[arg-type]  # ValueError says so


def _one_of(value: object, names: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError
    return value


def _block_list(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_BLOCK_LIST:
        raise ValueError
    if not all(isinstance(block, str) and block for block in value):
        raise TypeError
    return tuple(value)


def _palette(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return _one_of(value, PALETTES)
    blocks = _block_list(value)
    if not blocks:
        raise ValueError
    return blocks


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole_words(low: int, high: int) -> str:
    return f"a whole number in {low}..{high}"


_SHARE_WORDS = "a number in 0..1"
_VERSION_NAMES = tuple(version.name for version in VERSIONS)


def _option(
    default: object, parse: Callable[[object], object], expected: str, names: tuple[str, ...] = ()
) -> Any:  # noqa: ANN401  # a dataclass's field, whose type is its annotation
    return field(default=default, metadata={"rule": _Rule(parse, expected, names)})


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How a model becomes a build; every value is in its range, and None is an option's default.

    `size` is the longest side in blocks; `rotation` clockwise quarter turns as seen from above; `hollow` the
    shell's thickness in blocks, 0 for solid; `min_part` the share of the largest part's cells below which a
    part is dropped; `palette` a name or block ids; `kinds` the most kinds of block, None for all of the
    palette; `smoothing` how far a block may be from the colour, in OKLab, for each neighbour that is then of
    the same block; `dither` the strength of a pattern in large flat areas; `clear_air` fills the build's
    bounding box with air first; `version` the game's.

    Whether blocks are known is for `load_palette` to say.

    Raises:
        OptionError: a value is out of its range.
    """

    size: int = _option(
        SIZES[DEFAULT_SIZE], _size, f"{', '.join(SIZES)} or {MIN_SIZE}..{MAX_SIZE}", tuple(SIZES)
    )
    rotation: int = _option(
        0, lambda value: parse_whole(value, 0, MAX_ROTATION), _whole_words(0, MAX_ROTATION)
    )
    hollow: int = _option(1, _hollow, _whole_words(0, MAX_HOLLOW))
    min_part: float = _option(0.0, parse_share, _SHARE_WORDS)
    palette: str | tuple[str, ...] = _option(
        PALETTES[0], _palette, f"{', '.join(PALETTES)}, or a list of 1..{MAX_BLOCK_LIST} block ids", PALETTES
    )
    exclude: tuple[str, ...] = _option((), _block_list, f"a list of at most {MAX_BLOCK_LIST} block ids")
    kinds: int | None = _option(None, _kinds, _whole_words(1, MAX_KINDS))
    smoothing: float = _option(DEFAULT_SMOOTHING, parse_share, _SHARE_WORDS)
    dither: float = _option(0.0, parse_share, _SHARE_WORDS)
    order: Order = _option(Order.ANY, _order, " or ".join(Order))  # noqa: RUF009  # a field
    clear_air: bool = _option(False, _bool, "true or false")
    version: str = _option(
        DEFAULT_VERSION,
        lambda value: _one_of(value, _VERSION_NAMES),
        f"a version of the game from {_VERSION_NAMES[0]} to {_VERSION_NAMES[-1]}, as in {DEFAULT_VERSION}",
    )

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            rule: _Rule = entry.metadata["rule"]
            try:
                parsed = entry.default if value is None else rule.parse(value)
            except (TypeError, ValueError):
                raise OptionError(entry.name, value, f"{rule.expected}{_hint(value, rule.names)}") from None
            object.__setattr__(self, entry.name, parsed)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The options among `values`; any that is missing has its default, and other names are ignored.

        Raises:
            OptionError: a value is out of its range.
        """
        return cls(**{name: values[name] for name in HTTP_NAMES if name in values})

    def to_dict(self) -> dict[str, Any]:
        """As JSON has them; the opposite of `from_dict`."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _hint(value: object, names: tuple[str, ...]) -> str:
    near = get_close_matches(value, names, n=1, cutoff=CLOSE_MATCH) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""


HTTP_NAMES: Mapping[str, str] = MappingProxyType(
    {entry.name: re.sub("_(.)", lambda match: match[1].upper(), entry.name) for entry in fields(BuildOptions)}
)
"""Each option, and the field of a build request that has it: `min_part` is `minPart`."""
