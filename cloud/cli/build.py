"""`meshtwin build`: from a prompt to Minecraft blocks, through the build API."""

from __future__ import annotations

import base64
import os
import tempfile
import webbrowser
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from meshtwin.cloud.cli import build_options as common
from meshtwin.cloud.cli.console import (
    FIRST_TIME,
    JobProgress,
    JsonOption,
    ProfileOption,
    note,
    out,
    print_json,
    print_line,
)
from meshtwin.cloud.cli.serving import serving
from meshtwin.cloud.client import connect
from meshtwin.cloud.createbuild.artefacts import bring, folder_name
from meshtwin.cloud.createbuild.follow import follow
from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.files import folder_to_write
from meshtwin.cloud.local.stack.options import StackOptions
from meshtwin.cloud.profiles import API_URL_VARIABLE, load_profile
from meshtwin.cloud.state import read_state
from meshtwin.minecraft.voxel.kernels.cached import kernels_cached
from meshtwin.minecraft.voxel.options import DEFAULT_SIZE, HTTP_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.createbuild.api import BuildApi
    from meshtwin.cloud.createbuild.follow import Update

MAX_IMAGE_BYTES = 700_000
"""Fits into a request of 1 MiB as Base64, with the other fields."""


def build(
    prompt: Annotated[str, typer.Argument(help="What to build: 'a red dragon'.")] = "",
    size: common.SizeOption = DEFAULT_SIZE,
    palette: common.PaletteOption = str(common.DEFAULTS.palette),
    exclude: common.ExcludeOption = None,
    kinds: common.KindsOption = None,
    hollow: common.HollowOption = common.DEFAULTS.hollow,
    rotation: common.RotationOption = common.DEFAULTS.rotation,
    min_part: common.MinPartOption = common.DEFAULTS.min_part,
    anchor: common.AnchorOption = None,
    game: common.GameOption = common.DEFAULTS.version,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same prompt, same build.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="Build from this image; the prompt is optional then.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where the results go; default: out/build/PROMPT.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="Wait for this job instead of a new one.")] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait; after that the job continues (exit code 6).")
    ] = 3600.0,
    show: Annotated[bool, typer.Option("--show", help="Open the preview at the end.")] = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build what a prompt describes from Minecraft blocks, and download all files of the build.

    Uses the profile's running `meshtwin up`; where there is none, starts the profile for this build alone.
    On `sagemaker`, BUILD_API_URL and BUILD_API_TOKEN select the deployed API.

    Exit codes: 0 done, 2 wrong usage, 3 failed or cancelled, 6 not finished, 7 not reachable, 130
    interrupted.

    Examples:

      meshtwin build "a red dragon"

      meshtwin build "a blue teapot" --size large --kinds 16 --hollow 2 --out out/teapot

      meshtwin build --image castle.png --palette wool-concrete-terracotta

      meshtwin build --job 3f2a9c1b7d04 --out out/dragon
    """
    if not prompt and image is None and not job:
        raise UsageError('nothing to build: give a prompt, as in `meshtwin build "a red dragon"`')
    block = common.anchor_of(anchor)
    options = common.build_options(
        size=size,
        palette=palette,
        exclude=exclude,
        kinds=kinds,
        hollow=hollow,
        rotation=rotation,
        min_part=min_part,
        version=game,
    )
    document = {
        **{HTTP_NAMES[name]: value for name, value in options.to_dict().items()},
        "prompt": prompt,
        "anchor": dict(zip("xyz", block, strict=True)) if block else None,
        "seed": seed,
        "imageUpload": _image(image),
    }
    named = folder_name(prompt) if prompt else job or (image.stem if image else "build")
    target = folder or Path("out/build") / named
    folder_to_write(target, "--out")
    with (
        _api(profile, wait_only=job is not None, as_json=as_json) as (api, own_stack),
        JobProgress(quiet=as_json) as progress,
    ):
        job_id = job or str(api.submit(document)["jobId"])
        first = f" ({FIRST_TIME})" if load_profile(profile).emulated and not kernels_cached() else ""

        def show_step(now: Update) -> None:
            progress.show_text(
                now.message + (first if now.stage == "voxelization" else ""), fraction=now.fraction
            )

        try:
            progress.show_text(f"waiting for job {job_id}" if job else f"job {job_id} is accepted")
            status = follow(api, job_id, timeout=timeout, on_update=show_step)
        except (KeyboardInterrupt, SystemExit):  # by Ctrl-C, or another signal
            if not own_stack:
                note(f"job {job_id} continues; `meshtwin build --job {job_id}` waits for it")
            raise
        progress.show_text("fetching the files", fraction=1)
        files = bring(status, target, api.fetch)
    _report(status, files, target, as_json=as_json)
    if show and "preview.png" in files:
        webbrowser.open(files["preview.png"].resolve().as_uri())


@contextmanager
def _api(profile: str | None, *, wait_only: bool, as_json: bool) -> Iterator[tuple[BuildApi, bool]]:
    """The API to use, and whether it runs for this command alone."""
    chosen = load_profile(profile)
    if (
        wait_only
        or not chosen.emulated
        or read_state(chosen.name) is not None
        or API_URL_VARIABLE in os.environ
    ):
        yield connect(profile).build_api(), False
        return
    if not as_json:
        note(f"profile {chosen.name} is not up: starting it for this build alone")
    with tempfile.TemporaryDirectory(prefix="meshtwin-build-") as scratch:
        options = StackOptions(os.environ, folder=Path(scratch), isolated=True)
        with serving(chosen, options, scale_to_zero=False) as served:
            yield served.client.build_api(), True


def _image(path: Path | None) -> str | None:
    if path is None:
        return None
    if not path.is_file():
        raise UsageError(f"--image {path}: no such file")
    content = path.read_bytes()
    if len(content) > MAX_IMAGE_BYTES:
        raise UsageError(
            f"--image {path}: {len(content)} bytes, expected at most {MAX_IMAGE_BYTES}; make it smaller"
        )
    return base64.b64encode(content).decode("ascii")


def _report(status: dict[str, Any], files: dict[str, Path], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"job": status, "files": {name: str(path) for name, path in files.items()}})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for stage, seconds in status["timings"].items():
        table.add_row(stage.replace("_", " "), f"{seconds:.2f} s")
    size = status["dimensions"]
    table.add_row("blocks", f"{status['voxelCount']:,} in {size['x']} x {size['y']} x {size['z']}")
    table.add_row("commands", f"{status['commandCount']:,}")
    for text in status["notes"]:
        table.add_row("note", text)
    out.print(table)
    for path in sorted(files.values()):
        print_line(str(path))
    if "preview.png" in files:
        note(f"Preview: {folder / 'preview.png'}")
