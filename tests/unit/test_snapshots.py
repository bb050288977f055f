from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.snapshots import Snapshot

if TYPE_CHECKING:
    from pathlib import Path


def answer(name: str, account: str, status: str = "InService") -> dict[str, Any]:
    return {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:us-east-1:{account}:endpoint/{name.lower()}",
        "CreationTime": dt.datetime.now(dt.UTC),
        "EndpointStatus": status,
        "ResponseMetadata": {"RequestId": "1", "HTTPStatusCode": 200},
    }


def test_what_is_recorded_holds_for_another_name_account_and_time(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "test_x.json"
    recorder = Snapshot(path, "test_y", record=True, about={"date": "2026-01-01"})
    recorder.hide("Mine", "name")
    recorder.match("described", answer("Mine", "111111111111"))
    recorder.close()
    kept = json.loads(path.read_text())["test_y"]
    assert kept["date"] == "2026-01-01"
    assert (
        kept["answers"]["described"]["EndpointArn"] == "arn:aws:sagemaker:<region>:<account>:endpoint/<name>"
    )
    assert kept["answers"]["described"]["HTTPStatusCode"] == 200
    other = Snapshot(path, "test_y", record=False)
    other.hide("yours", "name")
    other.match("described", answer("yours", "222222222222"))
    with pytest.raises(AssertionError, match="differs from what AWS answered"):
        other.match("described", answer("yours", "222222222222", status="Failed"))


def test_what_was_never_recorded_is_not_compared(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path / "none.json", "test_y", record=False)
    snapshot.match("anything", {"a": 1})
    snapshot.close()
    assert not (tmp_path / "none.json").exists()
