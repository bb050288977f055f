"""`meshtwin voxelize`: the voxel engine alone, from a GLB to all files of a build."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from meshtwin.cloud.cli import build_options as common
from meshtwin.cloud.cli.console import FIRST_TIME, JsonOption, StartProgress, err, out, print_json
from meshtwin.cloud.createbuild.artefacts import BLOCK_FILES, one_build
from meshtwin.cloud.errors import CloudError, UsageError
from meshtwin.minecraft.voxel.export.dimensions import parse_dimension
from meshtwin.minecraft.voxel.kernels.cached import kernels_cached
from meshtwin.minecraft.voxel.options import DEFAULT_SIZE, Order

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.engine import BuildResult


def voxelize(
    model: Annotated[Path, typer.Argument(help="A binary glTF file, .glb.")],
    size: common.SizeOption = DEFAULT_SIZE,
    palette: common.PaletteOption = str(common.DEFAULTS.palette),
    exclude: common.ExcludeOption = None,
    kinds: common.KindsOption = None,
    hollow: common.HollowOption = common.DEFAULTS.hollow,
    rotation: common.RotationOption = common.DEFAULTS.rotation,
    min_part: common.MinPartOption = common.DEFAULTS.min_part,
    smoothing: Annotated[
        float, typer.Option(min=0, max=1, help="How much colour accuracy to trade for longer runs; 0: none.")
    ] = common.DEFAULTS.smoothing,
    dither: Annotated[
        float, typer.Option(min=0, max=1, help="Mix blocks in large flat areas; costs commands.")
    ] = common.DEFAULTS.dither,
    order: Annotated[
        Order, typer.Option(help="Order of the commands: any: as few as possible; ground: bottom-up.")
    ] = common.DEFAULTS.order,
    clear_air: Annotated[
        bool, typer.Option("--clear-air", help="Clear the space of the build first.")
    ] = False,
    anchor: common.AnchorOption = None,
    dimension: common.DimensionOption = "overworld",
    game: common.GameOption = common.DEFAULTS.version,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where the results go; default: out/voxels/MODEL.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build a GLB from Minecraft blocks, and write all files of the build.

    Exit codes: 0 done, 1 the files cannot be written, 2 wrong usage, or a file that cannot be built.

    Examples:

      meshtwin voxelize out/demo/textured.glb

      meshtwin voxelize castle.glb --size large --palette survival-cheap --hollow 2 --out out/castle

      meshtwin voxelize statue.glb --size 200 --anchor 100,64,-20 --dimension nether --game 26.1 --json
    """
    if not model.is_file():
        raise UsageError(f"{model}: no such file")
    # numba takes half a second to import, which no other command needs.
    from meshtwin.minecraft.voxel.engine import build_model  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export.artefacts import artefacts, fits  # noqa: PLC0415
    from meshtwin.minecraft.voxel.read.read import read_model  # noqa: PLC0415

    target = folder or Path("out/voxels") / model.stem
    start = time.perf_counter()
    block = common.anchor_of(anchor)
    options = common.build_options(
        size=size,
        rotation=rotation,
        hollow=hollow,
        min_part=min_part,
        palette=palette,
        exclude=exclude,
        kinds=kinds,
        smoothing=smoothing,
        dither=dither,
        order=order,
        clear_air=clear_air,
        version=game,
    )
    with StartProgress() as progress:
        try:
            where = parse_dimension(dimension).name
            progress.show("reading the model")
            try:
                read = read_model(model)
            except (OSError, ValueError) as error:
                raise UsageError(f"{model}: {error}") from error
            reading = time.perf_counter() - start
            first = "" if kernels_cached() else f"; {FIRST_TIME}"
            made = build_model(read, options, lambda stage: progress.show(f"making {stage}{first}"))
            misfit = fits(made, anchor=block, dimension=where)
            if misfit is not None:
                raise UsageError(misfit)
            began = time.perf_counter()
            files = []
            with one_build(target, BLOCK_FILES) as partial:
                for name, content in artefacts(made, anchor=block, dimension=where, title=model.stem):
                    progress.show(f"writing {name}")
                    (partial / name).parent.mkdir(exist_ok=True)
                    (partial / name).write_bytes(content)
                    files.append(target / name)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise CloudError(f"{target} cannot be written: {error}") from error
    seconds = {"reading": reading, **made.seconds, "files": time.perf_counter() - began}
    _report(made, seconds, files, read.notes, as_json=as_json)


def _report(
    made: BuildResult, seconds: dict[str, float], files: list[Path], notes: tuple[str, ...], *, as_json: bool
) -> None:
    x, y, z = made.blocks.size
    count = int((made.blocks.cells != 0).sum())
    document: dict[str, Any] = {
        "size": {"x": x, "y": y, "z": z},
        "blocks": count,
        "kinds": len(made.blocks.states) - 1,
        "commands": len(made.build.boxes),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "files": [str(path) for path in files],
        "notes": list(notes),
    }
    if as_json:
        print_json(document)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value in seconds.items():
        table.add_row(name, f"{value:.2f} s")
    table.add_row("blocks", f"{count:,} of {document['kinds']} kinds, in {x} x {y} x {z}")
    table.add_row("commands", f"{document['commands']:,}")
    out.print(table)
    batches = [path for path in files if path.suffix == ".mcfunction"]
    for path in files:
        if path not in batches[1:]:
            more = f" ({len(batches)} files)" if path in batches and len(batches) > 1 else ""
            out.print(f"{path}{more}", soft_wrap=True)
    (preview,) = (path for path in files if path.name == "preview.png")
    for note in notes:
        err.print(f"Note: {note}", soft_wrap=True, highlight=False)
    err.print(f"Preview: {preview}", soft_wrap=True)
