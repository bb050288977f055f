"""`meshtwin convert`: a build from one kind of file to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from meshtwin.cloud.cli import build_options as common
from meshtwin.cloud.cli.console import FIRST_TIME, JsonOption, StartProgress, note, out, print_json
from meshtwin.cloud.errors import CloudError, UsageError
from meshtwin.cloud.files import atomic_path, file_to_write
from meshtwin.minecraft.voxel.kernels.cached import kernels_cached

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.blocks.palette import Palette
    from meshtwin.minecraft.voxel.export.convert import LoadedBuild, Target

_SHOWN_MATERIALS = 12


def convert(
    source: Annotated[Path, typer.Argument(help="A .schem, .litematic, .nbt, .vox or build.json.gz file.")],
    target: Annotated[
        Path | None, typer.Argument(help="The file to write, of a format by its name; without: only report.")
    ] = None,
    game: Annotated[
        str | None,
        typer.Option(help="The game's version that the file is for; default: the source's own, else 1.21.4."),
    ] = None,
    palette: common.PaletteOption = str(common.DEFAULTS.palette),
    exclude: common.ExcludeOption = None,
    anchor: common.AnchorOption = None,
    dimension: common.DimensionOption = "overworld",
    as_json: JsonOption = False,
) -> None:
    """Read a build from one kind of file, report its size and materials, and write it as another.

    Sponge schematics (.schem, versions 2 and 3), Litematica's .litematic, the game's structures (.nbt),
    MagicaVoxel's .vox and build documents (.json.gz). A .vox has colours alone: each becomes the nearest
    block of --palette. --anchor and --dimension are for build documents.

    Exit codes: 0 done, 1 the file cannot be written, 2 wrong usage, or a file that cannot be read.

    Examples:

      meshtwin convert castle.litematic

      meshtwin convert castle.litematic castle.schem

      meshtwin convert statue.vox statue.nbt --palette survival-cheap --game 1.20.4

      meshtwin convert castle.schem castle.json.gz --anchor 100,64,-20 --json
    """
    # numpy and numba: half a second that no other command needs.
    from meshtwin.minecraft.voxel.blocks.palette import load_palette  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export import convert as formats  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export.artefacts import ANCHOR  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export.dimensions import parse_dimension  # noqa: PLC0415
    from meshtwin.minecraft.voxel.versions import parse_version  # noqa: PLC0415

    options = common.build_options(palette=palette, exclude=exclude, version=game)
    place = common.anchor_of(anchor) or ANCHOR
    try:
        kind = formats.format_of(source.name)
        target_kind = None if target is None else formats.format_of(target.name)
        where = parse_dimension(dimension).name
        chosen = load_palette(options.palette, options.exclude, version=options.version)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if target is not None:
        file_to_write(str(target), "TARGET")
    with StartProgress() as progress:
        progress.show(f"reading {source}")
        build = _load(source, kind, chosen)
        own = build.data_version
        version = own if own is not None and game is None else parse_version(options.version).data_version
        if target is not None and target_kind is not None:
            first = f"; {FIRST_TIME}" if target_kind == "document" and not kernels_cached() else ""
            progress.show(f"writing {target}{first}")
            title = target.name.partition(".")[0]
            _save(build, target, target_kind, formats.Target(version, title, place, where))
    _report(build, version, (source, target), target_kind, as_json=as_json)


def _load(source: Path, kind: str, palette: Palette) -> LoadedBuild:
    from meshtwin.minecraft.voxel.export.convert import MAX_FILE_BYTES, load  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export.formats import FORMATS  # noqa: PLC0415

    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    try:
        size = source.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{source}: {size} bytes, expected at most {MAX_FILE_BYTES}")
        return load(source.read_bytes(), kind, palette)
    except (OSError, ValueError) as error:
        known = FORMATS[kind]
        article = "a" if known.title[0] not in "aeiou" else "an"
        raise UsageError(
            f"{source}: {error}; expected {article} {known.title}: save it again with {known.opened_by}, or "
            f"rename it to the suffix of its real format"
        ) from error


def _save(build: LoadedBuild, path: Path, kind: str, target: Target) -> None:
    from meshtwin.minecraft.voxel.export.convert import save  # noqa: PLC0415

    try:
        data = save(build.blocks, kind, target)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    try:
        with atomic_path(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise CloudError(f"{path} cannot be written: {error}") from error


def _report(
    build: LoadedBuild, version: int, files: tuple[Path, Path | None], kind: str | None, *, as_json: bool
) -> None:
    from meshtwin.minecraft.voxel.export.convert import notes  # noqa: PLC0415
    from meshtwin.minecraft.voxel.export.materials import material_list  # noqa: PLC0415

    source, target = files
    needs = material_list(build.blocks)
    x, y, z = build.blocks.size
    remarks = [] if kind is None else notes(build.blocks, kind)
    document: dict[str, Any] = {
        "source": str(source),
        "target": None if target is None else str(target),
        "size": {"x": x, "y": y, "z": z},
        "blocks": sum(need.count for need in needs),
        "kinds": len(needs),
        "dataVersion": version,
        "materials": [
            {"block": need.block, "count": need.count, "stacks": need.stacks, "tool": need.tool}
            for need in needs
        ],
        "notes": remarks,
    }
    if as_json:
        print_json(document)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("size", f"{x} x {y} x {z}", "")
    table.add_row("blocks", f"{document['blocks']:,}", f"of {len(needs)} kinds")
    table.add_row("data version", str(version), "")
    for need in needs[:_SHOWN_MATERIALS]:
        table.add_row("", f"{need.count:,}", f"{need.block} ({need.stacks} stacks)")
    if len(needs) > _SHOWN_MATERIALS:
        rest = sum(need.count for need in needs[_SHOWN_MATERIALS:])
        table.add_row("", f"{rest:,}", f"of {len(needs) - _SHOWN_MATERIALS} other kinds; --json lists all")
    out.print(table)
    if target is not None:
        out.print(str(target), soft_wrap=True, markup=False)
    for remark in remarks:
        note(f"Note: {remark}")
