"""The output of commands: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Self

import psutil
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshtwin.cloud.jobs.wait import Update

FIRST_TIME = "the first time on a machine the engine's loops are compiled, about a minute"


class _Stderr(Console):
    def on_broken_pipe(self) -> None:
        """Go on without output: a closed terminal must not interrupt a command that stops services."""
        self.quiet = True


out = Console(highlight=False)
err = _Stderr(stderr=True, highlight=False)

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", help="embedded, local or sagemaker; default: $MESHTWIN_PROFILE, else embedded."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def print_line(text: str) -> None:
    """Print a line of the result on standard output, never wrapped, so that commands can be copied."""
    out.print(text, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a line on standard error, never wrapped, so that commands can be copied."""
    with contextlib.suppress(OSError):  # the terminal may be closed
        err.print(text, markup=False, soft_wrap=True)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line, never wrapped."""
    rows = list(facts)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        out.print(Text.assemble((f"{name:<{width}}  ", "dim"), value), soft_wrap=True)


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def seconds_since_start() -> float:
    """Seconds since this process started, its imports included."""
    return time.time() - psutil.Process().create_time()


class StartProgress:
    """A spinner with the step of a start; without a terminal, a line for each new step."""

    def __init__(self) -> None:
        self._status = err.status("starting")
        self._last = ""

    def __enter__(self) -> Self:
        """Show the spinner."""
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the spinner."""
        self.stop()

    def show(self, text: str) -> None:
        """Show a step; what is in brackets may change with every call."""
        self._status.update(escape(text))
        step = text.partition(" (")[0]
        if not err.is_terminal and step != self._last:
            note(f"  {step}")
        self._last = step

    def stop(self) -> None:
        """Remove the spinner; idempotent."""
        with contextlib.suppress(OSError):  # as above
            self._status.stop()


class JobProgress:
    """A job's progress bar: what it waits for, then its progress. Silent where `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=quiet,
        )
        self._task = self._progress.add_task("submitting", total=1.0)
        self._last = ""
        self._plain = not quiet and not err.is_terminal

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._progress.stop()

    def show(self, update: Update) -> None:
        """Update the bar; without a terminal, print a line for each new step."""
        if update.progress is not None:
            stage = update.progress.stage.value
            step = update.progress.step.removeprefix(f"{stage}.")
            self.show_text(f"{stage}: {step}", fraction=update.progress.fraction)
        else:
            self.show_text(f"waiting for {update.waiting_for}", fraction=0)

    def show_text(self, text: str, *, fraction: float = 0) -> None:
        """Show `text` beside the bar."""
        self._progress.update(self._task, description=text, completed=fraction)
        if self._plain and text != self._last:
            note(f"  {text}" + (f" ({fraction:.0%})" if fraction else ""))
        self._last = text
