"""Options that `build` and `voxelize` share: what a build is to be like."""

from __future__ import annotations

from typing import Annotated

import typer

SizeOption = Annotated[
    str, typer.Option(help="The longest side in blocks: small (32), medium (64), large (128), or 8..256.")
]
PaletteOption = Annotated[str, typer.Option(help="A palette's name, or block ids with commas between.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="A block that is not to be used; repeatable.")]
KindsOption = Annotated[
    int | None, typer.Option(min=1, max=512, help="At most so many kinds of block; 16 are plenty.")
]
HollowOption = Annotated[int, typer.Option(min=0, max=128, help="A shell of so many blocks; 0: solid.")]
RotationOption = Annotated[int, typer.Option(min=0, max=3, help="Quarter turns, seen from above.")]
MinPartOption = Annotated[
    float, typer.Option(min=0, max=1, help="Leave out parts below this share of the largest.")
]
AnchorOption = Annotated[
    str | None, typer.Option(help="x,y,z of the block that the build stands on; default: 0,63,0.")
]
DimensionOption = Annotated[
    str, typer.Option(help="Where the commands build: overworld, nether, end, or a dimension's identifier.")
]
GameOption = Annotated[str, typer.Option(help="The game's version.")]
