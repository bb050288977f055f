"""The options of a build that `build` and `voxelize` share, and their parsers."""

from __future__ import annotations

from typing import Annotated

import typer

from meshtwin.cloud.errors import UsageError
from meshtwin.minecraft.voxel.options import (
    MAX_HOLLOW,
    MAX_KINDS,
    MAX_ROTATION,
    MAX_SIZE,
    MIN_SIZE,
    SIZES,
    BuildOptions,
    OptionError,
    shortened,
)

DEFAULTS = BuildOptions()

_SIZES = ", ".join(f"{name} ({side})" for name, side in SIZES.items())

SizeOption = Annotated[
    str, typer.Option(help=f"The longest side in blocks: {_SIZES}, or {MIN_SIZE}..{MAX_SIZE}.")
]
PaletteOption = Annotated[str, typer.Option(help="A palette's name, or comma-separated block ids.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="A block not to use; repeatable.")]
KindsOption = Annotated[
    int | None, typer.Option(min=1, max=MAX_KINDS, help="At most this many kinds of block; 16 are plenty.")
]
HollowOption = Annotated[
    int, typer.Option(min=0, max=MAX_HOLLOW, help="The shell's thickness in blocks; 0: solid.")
]
RotationOption = Annotated[int, typer.Option(min=0, max=MAX_ROTATION, help="Quarter turns, seen from above.")]
MinPartOption = Annotated[
    float, typer.Option(min=0, max=1, help="Leave out parts below this share of the largest.")
]
AnchorOption = Annotated[
    str | None, typer.Option(help="x,y,z of the block that the build stands on; default: 0,63,0.")
]
DimensionOption = Annotated[
    str, typer.Option(help="Where it stands: overworld, nether, end, or a dimension's identifier.")
]
GameOption = Annotated[str, typer.Option(help="The game's version.")]

_FLAGS = {"version": "game"}
"""Options that the command line calls otherwise: `--version` is the program's own."""


def build_options(**given: object) -> BuildOptions:
    """The options of a build, `palette` as the command line has it.

    Raises:
        UsageError: a value is out of its range.
    """
    try:
        return BuildOptions.from_dict(given | {"palette": palette_of(str(given["palette"]))})
    except OptionError as error:
        flag = _FLAGS.get(error.name, error.name.replace("_", "-"))
        raise UsageError(f"--{flag} {shortened(error.value)}: expected {error.expected}") from error


def palette_of(text: str) -> str | tuple[str, ...]:
    """A palette's name, or the ids of a comma-separated list; a single id needs its `minecraft:`."""
    if "," in text or ":" in text:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def anchor_of(text: str | None) -> tuple[int, int, int] | None:
    """The block at `x,y,z`.

    Raises:
        UsageError: it is not three whole numbers.
    """
    if text is None:
        return None
    try:
        x, y, z = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--anchor {text!r}: expected three whole numbers, x,y,z") from error
    return (x, y, z)
