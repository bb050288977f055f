"""How much of AWS's contract is held to, as a table: operations, rules, what the rules rest on, what passed.

Made from a report of the contract suite: one entry for each test, with the operations that it is about and
its one mark of evidence. `nox -s parity` runs the suite against a profile and prints the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.cloud.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
EVIDENCE = ("aws_validated", "documented", "botocore_model", "field_report", "assumed")

WANTED: Mapping[str, tuple[str, ...]] = {
    "sagemaker-runtime": ("InvokeEndpointAsync", "InvokeEndpoint", "InvokeEndpointWithResponseStream"),
    "sagemaker": (
        *("CreateModel", "DescribeModel", "DeleteModel", "ListModels"),
        *("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig", "ListEndpointConfigs"),
        *("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
        *("DeleteEndpoint", "ListEndpoints", "AddTags", "DeleteTags", "ListTags"),
    ),
    "application-autoscaling": (
        *("RegisterScalableTarget", "DescribeScalableTargets", "DeregisterScalableTarget"),
        *("PutScalingPolicy", "DescribeScalingPolicies", "DeleteScalingPolicy"),
        *("DescribeScalingActivities", "TagResource", "UntagResource", "ListTagsForResource"),
    ),
    "cloudwatch": (
        *("PutMetricAlarm", "DescribeAlarms", "SetAlarmState", "DeleteAlarms"),
        *("PutMetricData", "GetMetricStatistics", "GetMetricData", "ListMetrics"),
    ),
    "lambda": ("Invoke", "GetFunction", "GetFunctionConfiguration", "ListFunctions"),
    "api-gateway": ("HTTP API",),
}
"""What an asynchronous endpoint with autoscaling, and functions around it, need. CloudWatch is the profile's
own."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One test of the contract suite. `outcome` is None where it was not run."""

    test: str
    operations: tuple[str, ...]
    evidence: str
    outcome: str | None
    recorded: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One operation's rules, counted."""

    service: str
    operation: str
    rules: int
    by_evidence: tuple[int, ...]
    passed: int
    failed: int
    not_run: int
    recorded: int


def read_report(path: Path) -> list[Rule]:
    """The rules of a report that the suite has written."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Rule(**{**entry, "operations": tuple(entry["operations"])}) for entry in found]


def tabulate(rules: Sequence[Rule]) -> list[Row]:
    """A row for each operation that is wanted, also where it has no rule."""
    rows = []
    for service, operations in WANTED.items():
        for operation in operations:
            own = [rule for rule in rules if operation in rule.operations]
            marks = Counter(rule.evidence for rule in own)
            outcomes = Counter(rule.outcome for rule in own)
            rows.append(
                Row(
                    service,
                    operation,
                    len(own),
                    tuple(marks[mark] for mark in EVIDENCE),
                    outcomes["passed"],
                    outcomes["failed"],
                    len(own) - outcomes["passed"] - outcomes["failed"],
                    sum(rule.recorded for rule in own),
                )
            )
    return rows


def as_markdown(rows: Sequence[Row], rules: Sequence[Rule], profile: str) -> str:
    """The table as a page."""
    head = ["operation", "rules", *EVIDENCE, "passed", "failed", "not run", "recorded"]
    lines = [
        "# Parity",
        "",
        "What of AWS's contract the suite under `tests/contract` holds to, by operation. Made by",
        f"`nox -s parity -- --write docs/parity.md` on the profile `{profile}`.",
        "",
        "A rule is one test, and says with one mark what its expectation rests on: `aws_validated` (seen on",
        "AWS), `documented` (a page of AWS's), `botocore_model`, `field_report` (somebody saw it), `assumed`",
        "(nobody says; a named setting or [emulator.md](emulator.md) holds the choice). A rule may be about",
        "several operations. `recorded` counts rules with a snapshot from AWS under `fixtures/contract`:",
        "with an account, `nox -s parity -- --profile sagemaker --record` makes them, and every emulated",
        "profile is then held to them.",
        "CloudWatch's operations are served by the profile's own CloudWatch.",
        "",
        f"{len(rules)} rules in all.",
    ]
    for service in WANTED:
        lines += ["", f"## {service}", "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        lines += [
            f"| {row.operation} | {row.rules} | {' | '.join(map(str, row.by_evidence))} | {row.passed} | "
            f"{row.failed} | {row.not_run} | {row.recorded} |"
            for row in rows
            if row.service == service
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the suite and print the table; 1 where a rule does not hold, or an operation has none."""
    parser = argparse.ArgumentParser(prog="nox -s parity --", description="Run the contract suite.")
    parser.add_argument("--profile", choices=PROFILES, default="embedded", help="against this profile")
    parser.add_argument("--record", action="store_true", help="on AWS: keep answers under fixtures/contract")
    parser.add_argument("--write", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    rules = _run_suite(arguments.profile, record=arguments.record)
    rows = tabulate(rules)
    page = as_markdown(rows, rules, arguments.profile)
    if arguments.write is None:
        sys.stdout.write(page)
    else:
        arguments.write.write_text(page, encoding="utf-8")
    failed = [f"{rule.test} does not hold" for rule in rules if rule.outcome == "failed"]
    missing = [f"{row.service}.{row.operation} has no rule" for row in rows if not row.rules]
    sys.stderr.write("".join(f"{words}\n" for words in (*failed, *missing)))
    return 1 if failed or missing else 0


def _run_suite(profile: str, *, record: bool) -> list[Rule]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pytest", "tests/contract", "-q", "-p", "no:cacheprovider"),
            *("--profile", profile, "--parity-report", str(report)),
            *(["--record"] if record else []),
        ]
        # The suite's own progress and failures are for people: standard output is the table's.
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
        if not report.exists():
            sys.exit("the contract suite did not run to its end: see its last lines above")
        return read_report(report)


if __name__ == "__main__":
    sys.exit(main())
