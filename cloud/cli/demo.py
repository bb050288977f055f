"""`meshtwin demo`: from an image to a textured model, in a stack of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from meshtwin.cloud.cli.console import (
    JobProgress,
    JsonOption,
    ProfileOption,
    note,
    out,
    print_json,
    print_line,
    seconds_since_start,
)
from meshtwin.cloud.cli.serving import serving
from meshtwin.cloud.cli.submit import summary
from meshtwin.cloud.errors import NotYetError, UsageError
from meshtwin.cloud.files import folder_to_write
from meshtwin.cloud.jobs.submit import Submission, submit
from meshtwin.cloud.jobs.wait import Result, wait
from meshtwin.cloud.local.stack.options import StackOptions
from meshtwin.cloud.profiles import load_profile
from meshtwin.cloud.source import SOURCE
from meshtwin.runtime.contract import Stage

_EXAMPLE = Path("fixtures/images/mushroom.png")
_JOB_SECONDS = 600.0


def demo(
    image: Annotated[
        Path | None, typer.Argument(help="PNG, JPEG or WebP; default: the mushroom of a checkout.")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where the results go.")] = Path("out/demo"),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn an image into a textured model: start the profile, submit a full job, show the result.

    Writes shape.glb, textured.glb and contact_sheet.png to --out, and leaves nothing running.

    Examples:

      meshtwin demo

      meshtwin demo path/to/image.png --out out/mine
    """
    source = image or SOURCE / _EXAMPLE
    if not source.is_file():
        raise UsageError(f"{source}: no such file. Give an image, as in `meshtwin demo duck.png`")
    folder_to_write(folder, "--out")
    chosen = load_profile(profile)
    with tempfile.TemporaryDirectory(prefix="meshtwin-demo-") as scratch:
        # A demo is isolated: it neither uses nor disturbs a `meshtwin up` in another shell.
        options = StackOptions(os.environ, folder=Path(scratch), isolated=True, functions=False)
        with serving(chosen, options) as served, JobProgress(quiet=as_json) as progress:
            preparing = served.seconds_preparing
            submission = Submission(Stage.FULL, str(source), output_prefix=str(folder))
            ticket = submit(served.client, submission)
            try:
                result = wait(served.client, ticket, timeout=_JOB_SECONDS, on_update=progress.show)
            except NotYetError as error:
                raise NotYetError(
                    f"the demo's job is not finished after {_JOB_SECONDS:g} s, and ends with it. Beside "
                    f"`meshtwin up`, `meshtwin submit --image {source} --output-prefix {folder}` waits longer"
                ) from error
            seconds = seconds_since_start()
            progress.show_text("rendering the contact sheet", fraction=1)
            # It imports NumPy and OpenCV, which nothing before it needs.
            from meshtwin.cloud.cli.contact_sheet import contact_sheet  # noqa: PLC0415

            contact_sheet(source, folder / "textured.glb", folder / "contact_sheet.png")
    _report(result, folder, seconds, preparing, as_json=as_json)


def _report(result: Result, folder: Path, seconds: float, preparing: float, *, as_json: bool) -> None:
    files = [str(folder / name) for name in ("shape.glb", "textured.glb", "contact_sheet.png")]
    if as_json:
        times = {"seconds_to_textured": round(seconds, 2), "seconds_preparing": round(preparing, 2)}
        print_json({"files": files, **times, "response": result.response.model_dump(mode="json")})
        return
    out.print(summary(result))
    for file in files:
        print_line(file)
    note(f"{seconds:.1f} s from the start to textured.glb; services were started after {preparing:.1f} s")
    note("Nothing was left running. Drop textured.glb into any glTF viewer.")
