"""`meshtwin queue`: list and cancel the builds that wait or run."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table

from meshtwin.cloud.cli.console import JsonOption, ProfileOption, err, out, print_json
from meshtwin.cloud.client import connect
from meshtwin.cloud.createbuild.functions import given_settings
from meshtwin.cloud.errors import UnavailableError, UsageError
from meshtwin.minecraft.jobs import queue as jobs
from meshtwin.minecraft.jobs.cancel import cancel
from meshtwin.minecraft.jobs.lease import Leases
from meshtwin.minecraft.jobs.table import JobTable, LostJobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.client import Client

_LONGEST_PROMPT = 60

queue = typer.Typer(
    name="queue", help="The builds that wait or run.", no_args_is_help=True, add_completion=False
)


@queue.command("list")
def list_queue(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 100,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List unfinished builds: those that run, then those that wait, the oldest first.

    Example:

      meshtwin queue list --json
    """
    client = connect(profile)
    with _table(client) as table:
        found = jobs.entries(table, limit)
    rows = [_row(entry) for entry in found]
    if as_json:
        print_json({"jobs": rows})
        return
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("position", "job", "state", "step", "size", "since", "prompt"):
        shown.add_column(name, overflow="fold")
    for row in rows:
        position = "running" if not row["position"] else str(row["position"])
        shown.add_row(
            *(position, row["job_id"], row["state"], row["step"] or "", str(row["size"])),
            *(row["created_at"], _short(row["prompt"])),
        )
    out.print(shown if rows else "no build waits or runs")


@queue.command("cancel")
def cancel_build(
    job_id: Annotated[str, typer.Argument(help="Its id, from `meshtwin build` or `queue list`.")],
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a build that waits or runs; a finished one stays as it is.

    Example:

      meshtwin queue cancel 3f2a9c1b7d04
    """
    client = connect(profile)
    with _table(client) as table:
        ended = cancel(table, _leases(client, table), job_id)
    if ended is None:
        raise UsageError(f"job {job_id!r}: there is no such job; `meshtwin queue list` shows those that wait")
    if as_json:
        print_json({"job_id": job_id, "state": ended.job.state.value, "ended_now": ended.ended_now})
        return
    outcome = "is cancelled" if ended.ended_now else f"had finished before: {ended.job.state.value}"
    out.print(f"job {job_id} {outcome}")


@queue.command()
def clear(
    waiting_only: Annotated[
        bool, typer.Option("--waiting-only", help="Keep those that run, and their lock.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="On sagemaker: do not ask.")] = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every build that waits or runs, and release the worker's lock.

    On `sagemaker` it shows what it would do, and asks for confirmation.

    Examples:

      meshtwin queue clear --dry-run

      meshtwin queue clear --profile sagemaker --yes
    """
    client = connect(profile)
    with _table(client) as table:
        leases = _leases(client, table)
        plan = jobs.clear(table, leases, dry_run=True, active_too=not waiting_only)
        if not dry_run and not client.profile.emulated and not yes:
            err.print(_describe_plan(plan), soft_wrap=True)
            typer.confirm(
                f"on profile {client.profile.name}, for everybody who uses it?", abort=True, err=True
            )
        if not dry_run:
            plan = jobs.clear(table, leases, dry_run=False, active_too=not waiting_only)
    if as_json:
        print_json(plan.to_dict())
        return
    out.print(_describe_plan(plan), soft_wrap=True)


def _short(prompt: str) -> str:
    """A prompt, shortened for a table; `--json` has all of it."""
    return prompt if len(prompt) <= _LONGEST_PROMPT else f"{prompt[: _LONGEST_PROMPT - 1]}…"


def _leases(client: Client, table: JobTable) -> Leases:
    """The worker's leases: MAX_ACTIVE_JOBS of them, from the settings of the running `up`."""
    return Leases(table, int(given_settings(client.settings).get("MAX_ACTIVE_JOBS", "1")))


def _describe_plan(plan: jobs.Clearing) -> str:
    verb = "cancelled" if plan.done else "would be cancelled"
    released = "released" if plan.done else "would be released"
    return (
        f"{len(plan.queued)} waiting and {len(plan.active)} running: {verb}; "
        f"{len(plan.slots)} of the worker's slots: {released}"
    )


def _row(entry: jobs.Entry) -> dict[str, Any]:
    job = entry.job
    return {
        "position": entry.position,
        "job_id": job.job_id,
        "state": job.state.value,
        "step": job.step.value if job.step else None,
        "size": job.request.options.size,
        "prompt": job.request.prompt,
        "player": job.request.player_name or None,
        "created_at": datetime.fromtimestamp(job.created_at, UTC).isoformat(timespec="seconds"),
    }


@contextmanager
def _table(client: Client) -> Iterator[JobTable]:
    """The profile's job table; its errors are raised as UnavailableError."""
    name = client.profile.names.job_table
    try:
        yield JobTable(client.aws.dynamodb, name, time.time)
    except (BotoCoreError, ClientError, LostJobError) as error:
        raise UnavailableError(f"job table {name!r}: {error}") from error
