"""`meshtwin submit` and `meshtwin wait`: send an image to the endpoint, and download the results."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.table import Table

from meshtwin.cloud.cli.console import (
    JobProgress,
    JsonOption,
    ProfileOption,
    note,
    out,
    print_json,
    print_line,
)
from meshtwin.cloud.client import Client, connect
from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.files import atomic_path
from meshtwin.cloud.jobs.submit import Submission, Ticket
from meshtwin.cloud.jobs.submit import submit as submit_job
from meshtwin.cloud.jobs.wait import Result
from meshtwin.cloud.jobs.wait import wait as wait_for_job
from meshtwin.cloud.state import state_dir
from meshtwin.runtime.contract import Params, Stage

TimeoutOption = Annotated[
    float, typer.Option(help="Seconds to wait; after that the job continues (exit code 6).")
]

_TICKET_SECONDS = 30 * 24 * 3600


def submit(
    image: Annotated[str, typer.Option(help="PNG, JPEG or WebP: a path or s3://bucket/key.")],
    stage: Annotated[Stage, typer.Option(help="shape, paint, or full for both.")] = Stage.FULL,
    shape: Annotated[str | None, typer.Option(help="paint: the GLB to texture, a path or s3://.")] = None,
    output: Annotated[
        str | None, typer.Option(help="shape, paint: where the GLB goes, a path or s3://.")
    ] = None,
    output_prefix: Annotated[
        str | None, typer.Option(help="full: where shape.glb and textured.glb go, a folder or s3://.")
    ] = None,
    io_bucket: Annotated[
        str | None, typer.Option(help="Where requests go; default: $ASYNC_IO_BUCKET.")
    ] = None,
    params: Annotated[
        str, typer.Option(help='JSON, e.g. \'{"seed": 7, "octree_resolution": 96}\'; or @file.json.')
    ] = "{}",
    ttl: Annotated[
        int, typer.Option(min=60, max=21600, help="Seconds the job may wait in the queue.")
    ] = 21600,
    invocation_timeout: Annotated[int, typer.Option(min=1, max=3600, help="Seconds the job may run.")] = 3600,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the job, or only submit it.")
    ] = True,
    timeout: TimeoutOption = 3600.0,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn an image into a 3D model through the endpoint.

    Local files are uploaded. Results are downloaded to local paths, or left in S3.

    Exit codes: 0 done, 2 wrong usage, 3 failed, 4 expired in the queue, 5 timed out, 6 not finished,
    7 endpoint not reachable, 130 interrupted (the job continues).

    Examples:

      meshtwin submit --image duck.png --output-prefix out/

      meshtwin submit --stage shape --image duck.png --output duck.glb --params '{"octree_resolution": 192}'

      meshtwin submit --stage paint --image duck.png --shape duck.glb --output painted.glb

      meshtwin submit --image s3://images/duck.png --output-prefix s3://models/duck/ --no-wait --json
    """
    client = connect(profile)
    if io_bucket is not None:
        names = dataclasses.replace(client.profile.names, async_io_bucket=io_bucket)
        client = Client(dataclasses.replace(client.profile, names=names), client.settings)
    submission = Submission(
        stage, image, shape, output, output_prefix, read_params(params), ttl, invocation_timeout
    )
    with JobProgress(quiet=as_json) as progress:
        ticket = submit_job(client, submission)
        save_ticket(ticket)
        result = _wait(client, ticket, timeout, progress) if wait else None
    _report(client, ticket, result, as_json=as_json)


def wait(
    inference_id: Annotated[str, typer.Argument(help="Its id, from `meshtwin submit`.")],
    timeout: TimeoutOption = 3600.0,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for a job that was submitted earlier from this machine, and download its results.

    Example:

      meshtwin wait 6f1c2d0e-8f5e-4a58-9a0e-1f6a3c9b7e11 --timeout 60
    """
    client = connect(profile)
    path = _ticket_path(inference_id)
    if not path.exists():
        raise UsageError(f"no job {inference_id!r} was submitted from this machine ({path} does not exist)")
    ticket = Ticket.from_json(path.read_text(encoding="utf-8"))
    with JobProgress(quiet=as_json) as progress:
        result = _wait(client, ticket, timeout, progress)
    _report(client, ticket, result, as_json=as_json)


def read_params(text: str) -> Params:
    """Parse params from JSON, or from the file that `@path` names; UsageError names an invalid field."""
    if text.startswith("@"):
        path = Path(text[1:])
        if not path.is_file():
            raise UsageError(f"--params {text}: no such file")
        text = path.read_text(encoding="utf-8")
    try:
        return Params.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"--params: {'; '.join(map(_describe, error.errors()))}") from error


def _describe(problem: ErrorDetails) -> str:
    field = ".".join(map(str, problem["loc"])) or "the document"
    return f"{field}: {problem['msg']}, not {problem['input']!r}"


def summary(result: Result) -> Table:
    """The result's metrics as a table."""
    metrics = result.response.metrics
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, seconds in metrics.seconds.items():
        table.add_row(name, f"{seconds:.2f} s")
    table.add_row("in all, with the queue", f"{result.seconds:.2f} s")
    table.add_row("vertices", f"{metrics.vertices:,}")
    table.add_row("faces", f"{metrics.faces:,}")
    table.add_row("watertight", {True: "yes", False: "no", None: "unknown"}[metrics.watertight])
    table.add_row("backend", f"{metrics.backend} on {metrics.device}, seed {metrics.seed}")
    if metrics.subject == "whole_picture":
        table.add_row("subject", "no clear subject: the whole image was used")
    return table


def _wait(client: Client, ticket: Ticket, timeout: float, progress: JobProgress) -> Result:
    try:
        return wait_for_job(client, ticket, timeout=timeout, on_update=progress.show)
    except (KeyboardInterrupt, SystemExit):  # by Ctrl-C, or another signal
        note(f"job {ticket.inference_id} continues; {_hints(client, ticket)}")
        raise


def _report(client: Client, ticket: Ticket, result: Result | None, *, as_json: bool) -> None:
    if as_json:
        document = dataclasses.asdict(ticket)
        if result is not None:
            document |= {"response": result.response.model_dump(mode="json"), "seconds": result.seconds}
        print_json(document)
        return
    if result is None:
        print_line(f"accepted: job {ticket.inference_id}; {_hints(client, ticket)}")
        print_line(f"its response will be at {ticket.output_location}")
        return
    out.print(summary(result))
    locations = {name: str(path) for name, path in result.files.items()} or result.response.outputs
    for name, location in locations.items():
        print_line(f"{name}: {location}")


def _hints(client: Client, ticket: Ticket) -> str:
    """The command that waits for a job and, where there is an emulator, the one that cancels it."""
    hint = f"`meshtwin wait {ticket.inference_id}` waits for it"
    return f"{hint}, `meshtwin cancel {ticket.request_id}` cancels it" if client.emulator else hint


def save_ticket(ticket: Ticket) -> None:
    """Save the ticket for `meshtwin wait`, for 30 days."""
    path = _ticket_path(ticket.inference_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(path.parent)
    with atomic_path(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(ticket.to_json() + "\n", encoding="utf-8")


def _remove_old(folder: Path) -> None:
    """Remove tickets that are older than a month."""
    oldest = time.time() - _TICKET_SECONDS
    for file in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # another `submit` was faster
            if file.stat().st_mtime < oldest:
                file.unlink()


def _ticket_path(inference_id: str) -> Path:
    if not inference_id.replace("-", "").isalnum():
        raise UsageError(f"{inference_id!r} is not a job's id: expected letters, digits and dashes")
    return state_dir() / "jobs" / f"{inference_id}.json"
