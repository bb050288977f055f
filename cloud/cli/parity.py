"""`meshtwin parity`: the contract suite, run against a profile, and its table."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from meshtwin.cloud.cli.console import JsonOption, ProfileOption, note, out, print_json
from meshtwin.cloud.errors import CloudError, UnavailableError
from meshtwin.cloud.parity import EVIDENCE, Row, as_markdown, read_report, tabulate
from meshtwin.cloud.places import file_to_write
from meshtwin.cloud.profiles import profile_name

_SHORT = dict(zip(EVIDENCE, ("AWS", "page", "model", "field", "assumed"), strict=True))
_SUITE = Path(__file__).parents[3] / "tests" / "contract"


def parity(
    write: Annotated[Path | None, typer.Option(help="Write the table to this Markdown file, too.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="On AWS: keep answers under fixtures/contract.")
    ] = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the contract suite against a profile and show what holds: operations, rules, evidence, passed.

    On embedded it starts what it needs, on local LocalStack and containers too. On sagemaker it uses your
    account, creates endpoints there that cost money, deletes them at the end, and needs CONTRACT_IMAGE (an
    echo container in ECR) and CONTRACT_ROLE_ARN.
    Exit codes: 0 every rule that was run passed, 1 one did not.

    Examples:

      meshtwin parity

      meshtwin parity --write docs/parity.md

      meshtwin parity --profile local

      CONTRACT_IMAGE=... CONTRACT_ROLE_ARN=... meshtwin parity --profile sagemaker --record
    """
    name = profile_name(profile)
    if write is not None:
        file_to_write(str(write), "--write")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        _run(name, report, record=record)
        rules = read_report(report)
    rows = tabulate(rules)
    if write is not None:
        write.write_text(as_markdown(rows, rules, name), encoding="utf-8")
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        out.print(_table(rows))
    failed = [rule.test for rule in rules if rule.outcome == "failed"]
    missing = [f"{row.service}.{row.operation}" for row in rows if not row.rules]
    if failed or missing:
        raise CloudError(
            f"{len(failed)} rules do not hold: {', '.join(failed) or '-'}; "
            f"operations without a rule: {', '.join(missing) or '-'}"
        )
    note(f"{len(rules)} rules, {sum(rule.outcome == 'passed' for rule in rules)} passed on {name}")


def _run(profile: str, report: Path, *, record: bool) -> None:
    if not _SUITE.is_dir():
        raise UnavailableError(
            f"the contract suite is not at {_SUITE}: parity is run from a checkout of the project"
        )
    if importlib.util.find_spec("pytest") is None or importlib.util.find_spec("hypothesis") is None:
        raise UnavailableError("the suite needs pytest and hypothesis: `pip install -e . --group test`")
    command = [
        *(sys.executable, "-m", "pytest", str(_SUITE), "-q", "-p", "no:cacheprovider"),
        *("--profile", profile, "--parity-report", str(report)),
        *(["--record"] if record else []),
    ]
    # The suite's own progress and failures are for people: standard output is the table's.
    subprocess.run(command, cwd=_SUITE.parents[1], stdout=sys.stderr, env=dict(os.environ), check=False)  # noqa: S603  # ourselves
    if not report.exists():
        raise CloudError("the contract suite did not run to its end: see its last lines above")


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("operation", no_wrap=True)
    for name in ("rules", "passed", "failed"):
        table.add_column(name, justify="right")
    table.add_column("rest on")
    service = ""
    for row in rows:
        if row.service != service:
            service = row.service
            table.add_row(f"[bold]{service}[/bold]")
        marks = zip(EVIDENCE, row.by_evidence, strict=True)
        evidence = ", ".join(f"{count} {_SHORT[mark]}" for mark, count in marks if count)
        recorded = f"; {row.recorded} recorded" if row.recorded else ""
        numbers = (str(number) for number in (row.rules, row.passed, row.failed))
        style = "red" if row.failed or not row.rules else None
        table.add_row(f"  {row.operation}", *numbers, evidence + recorded, style=style)
    return table
