"""Writes what the contract suite found, or would look at, as the report that `tests.support.parity` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.parity import EVIDENCE

if TYPE_CHECKING:
    import pytest

CONTRACT = Path(__file__).parents[1] / "contract"


def describe(item: pytest.Item) -> dict[str, Any]:
    """A contract test's entry, less its outcome."""
    marks = [mark.name for mark in item.iter_markers() if mark.name in EVIDENCE]
    snapshot = snapshot_path(item)
    return {
        "test": item.nodeid.rpartition("/")[2],
        "operations": _operations(item),
        "evidence": marks[0] if marks else None,
        "outcome": None,
        "recorded": snapshot.exists() and getattr(item, "originalname", item.name) in snapshot.read_text(),
    }


def _operations(item: pytest.Item) -> list[str]:
    """What the test's own mark says, else its module's; of a test made for each operation, that one."""
    made_for = getattr(getattr(item, "callspec", None), "params", {}).get("operation")
    closest = item.get_closest_marker("operation")
    names = [str(name) for name in closest.args] if closest else []
    return [made_for] if made_for in names else names


def snapshot_path(item: pytest.Item) -> Path:
    """Where what AWS answered to the tests of a module is kept."""
    return Path(__file__).parents[2] / "fixtures" / "contract" / f"{item.path.stem}.json"


class ParityReport:
    """Collects entries and outcomes; on the controller, where several workers run the tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if CONTRACT in item.path.parents:
                self._entries[item.nodeid] = describe(item)
        if session.config.option.collectonly:
            self._write()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        entry = self._entries.get(report.nodeid)
        if entry is None:
            return
        if report.failed:
            entry["outcome"] = "failed"
        elif report.when == "call" and report.passed and entry["outcome"] is None:
            entry["outcome"] = "passed"

    def pytest_sessionfinish(self) -> None:
        self._write()

    def _write(self) -> None:
        self._path.write_text(json.dumps(list(self._entries.values())))
