"""docs/parity.md says what the contract suite holds to now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.parity import WANTED, as_markdown, read_report, tabulate

ROOT = Path(__file__).parents[2]


def without_outcomes(page: str) -> list[list[str]]:
    """The table's rows, less what a run adds to them."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [row[:7] for row in rows]


def test_the_page_has_the_operations_rules_and_marks_of_the_suite(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [
        *(sys.executable, "-m", "pytest", "tests/contract", "--collect-only", "-q", "-p", "no:cacheprovider"),
        *("--parity-report", str(report)),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    rules = read_report(report)
    now = as_markdown(tabulate(rules), rules, "embedded")
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    assert without_outcomes(page) == without_outcomes(now), "run `nox -s parity -- --write docs/parity.md`"
    assert f"{len(rules)} rules in all." in page


def test_no_operation_is_without_a_rule() -> None:
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1] for row in without_outcomes(page)}
    for operations in WANTED.values():
        for operation in operations:
            assert int(rows[operation]) > 0, operation
