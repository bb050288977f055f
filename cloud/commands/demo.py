"""`meshtwin demo`: the whole way from a picture to a textured model, in a stack of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cloud.commands.console import (
    JobProgress,
    JsonOption,
    ProfileOption,
    err,
    out,
    print_json,
    seconds_since_start,
)
from cloud.commands.serving import serving
from cloud.commands.submit import summary
from cloud.contact_sheet import contact_sheet
from cloud.errors import UsageError
from cloud.profiles import load_profile
from cloud.stack.options import StackOptions
from cloud.stack.state import STATE_VARIABLE
from cloud.submit import Submission, submit
from cloud.waiting import Result, wait
from runtime.contract import Stage

DEFAULT_PICTURE = Path("fixtures/images/mushroom.png")


def demo(
    picture: Annotated[Path, typer.Argument(help="PNG, JPEG or WebP.")] = DEFAULT_PICTURE,
    folder: Annotated[Path, typer.Option("--out", help="Where the results go.")] = Path("out/demo"),
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a picture into a textured model: start the profile, submit a full job, show the result.

    Leaves shape.glb, textured.glb and contact_sheet.png in --out, and nothing running.

    Examples:

      meshtwin demo

      meshtwin demo path/to/picture.png --out out/mine
    """
    if not picture.is_file():
        raise UsageError(f"{picture}: no such file. Give a picture, or run this where {DEFAULT_PICTURE} is.")
    chosen = load_profile(profile)
    with tempfile.TemporaryDirectory(prefix="meshtwin-demo-") as scratch:
        # A demo is by itself: it neither uses nor disturbs a `meshtwin up` in another shell.
        os.environ[STATE_VARIABLE] = scratch
        with (
            serving(
                chosen, StackOptions(log_dir=Path(scratch) / "logs", alone=True, functions=False)
            ) as served,
            JobProgress(quiet=as_json) as progress,
        ):
            preparing = served.seconds_preparing
            submission = Submission(Stage.FULL, str(picture), output_prefix=str(folder))
            ticket = submit(submission, chosen.names)
            result = wait(ticket, timeout=600, on_update=progress.show)
            seconds = seconds_since_start()
            progress.say("rendering the contact sheet", fraction=1)
            contact_sheet(picture, folder / "textured.glb", folder / "contact_sheet.png")
    _report(result, folder, seconds, preparing, as_json=as_json)


def _report(result: Result, folder: Path, seconds: float, preparing: float, *, as_json: bool) -> None:
    files = [str(folder / name) for name in ("shape.glb", "textured.glb", "contact_sheet.png")]
    if as_json:
        times = {"seconds_to_textured": round(seconds, 2), "seconds_preparing": round(preparing, 2)}
        print_json({"files": files, **times, "response": result.response.model_dump(mode="json")})
        return
    out.print(summary(result))
    for file in files:
        out.print(file, soft_wrap=True)
    err.print(
        f"{seconds:.1f} s from the start to textured.glb; services were started after {preparing:.1f} s"
    )
    err.print("Nothing was left running. Drop textured.glb into any glTF viewer.")
