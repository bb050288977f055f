"""Every test here says with exactly one mark what its expectation rests on; collection fails without it."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
EVIDENCE = {"aws_validated", "documented", "botocore_model", "field_report", "assumed"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            marks = EVIDENCE & {mark.name for mark in item.iter_markers()}
            if len(marks) != 1:
                raise pytest.UsageError(
                    f"{item.nodeid} has the marks {sorted(marks)}: expected exactly one of {sorted(EVIDENCE)}"
                )
            if item.get_closest_marker("operation") is None:
                raise pytest.UsageError(
                    f"{item.nodeid} does not say which operations it is about: mark it (or its module) with "
                    "operation('CreateEndpoint', ...)"
                )
