"""How commands speak: results on standard output, everything else on standard error."""

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
        """Nobody reads any more, which is no reason to stop, least of all what stops something else."""
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


def tell(words: str) -> None:
    """A line of the result, on standard output, as it is: never wrapped, so that commands can be copied."""
    out.print(words, markup=False, soft_wrap=True)


def note(words: str) -> None:
    """A line for a person, on standard error, as it is: never wrapped, so that commands can be copied."""
    with contextlib.suppress(OSError):  # the terminal may be closed
        err.print(words, markup=False, soft_wrap=True)


def tell_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, a line for each, as they are: an address can be copied."""
    rows = list(facts)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        out.print(Text.assemble((f"{name:<{width}}  ", "dim"), value), soft_wrap=True)


def print_json(document: object) -> None:
    """One JSON document, for a machine."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def seconds_since_start() -> float:
    """How long this process has been running, its imports included."""
    return time.time() - psutil.Process().create_time()


class StartProgress:
    """What is being started, beside a spinner; where there is no terminal, a line for each new step."""

    def __init__(self) -> None:
        self._status = err.status("starting")
        self._last = ""

    def __enter__(self) -> Self:
        """Show it."""
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self.stop()

    def show(self, words: str) -> None:
        """Say what is waited for; what stands in brackets may change at every call."""
        self._status.update(escape(words))
        step = words.partition(" (")[0]
        if not err.is_terminal and step != self._last:
            note(f"  {step}")
        self._last = step

    def stop(self) -> None:
        """Take it away; doing so twice is as good as once."""
        with contextlib.suppress(OSError):  # as above
            self._status.stop()


class JobProgress:
    """A bar for a job: what it waits for, then how far it is. Silent where `quiet`."""

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
        """Take the bar away."""
        self._progress.stop()

    def show(self, update: Update) -> None:
        """Bring the bar up to date; where there is no terminal, print a line for each new step."""
        if update.progress is not None:
            stage = update.progress.stage.value
            step = update.progress.step.removeprefix(f"{stage}.")
            self.say(f"{stage}: {step}", fraction=update.progress.fraction)
        else:
            self.say(f"waiting for {update.waiting_for}", fraction=0)

    def say(self, words: str, *, fraction: float = 0) -> None:
        """Put `words` beside the bar."""
        self._progress.update(self._task, description=words, completed=fraction)
        if self._plain and words != self._last:
            note(f"  {words}" + (f" ({fraction:.0%})" if fraction else ""))
        self._last = words
