"""docs/container.md says what the code does: fields, ranges, errors, settings, limits, events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from meshtwin.runtime.contract import (
    MAX_MESSAGE,
    RETRYABLE,
    STATUS,
    ErrorCode,
    Health,
    InvocationRequest,
    Metrics,
    Params,
    Progress,
)
from meshtwin.runtime.geometry import glb_read
from meshtwin.runtime.http.limits import MAX_HEAD_BYTES
from meshtwin.runtime.http.requests import MAX_BODY_BYTES
from meshtwin.runtime.images import decode
from meshtwin.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")


def row(name: str) -> list[str]:
    """The cells of the one table row that begins with `name`."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("code", ErrorCode)
def test_each_error_with_its_status(code: ErrorCode) -> None:
    assert row(code)[1:3] == [str(STATUS[code]), "yes" if code in RETRYABLE else "no"]


@pytest.mark.parametrize("name", InvocationRequest.model_fields)
def test_each_field(name: str) -> None:
    assert row(name)


@pytest.mark.parametrize("name", Params.model_fields)
def test_each_param_with_its_range(name: str) -> None:
    schema: dict[str, Any] = Params.model_json_schema()["properties"][name]
    kind = schema.get("anyOf", [schema])[0]
    if "enum" in kind:
        expected = ", ".join(f"`{value}`" for value in kind["enum"])
    else:
        expected = f"{int(kind['minimum'])}..{int(kind['maximum'])}"
    assert row(name)[1] == expected


@pytest.mark.parametrize(("name", "default"), Settings.variables().items())
def test_each_setting_with_its_default(name: str, default: object) -> None:
    documented = row(name)[1]
    in_words = {
        "RUNTIME_SCRATCH": "the system's",
        "RUNTIME_USER": "the one that starts it",
        "RUNTIME_ALLOWED_BUCKETS": "all",
    }
    if name in in_words:
        assert documented == in_words[name]
    else:
        assert documented == f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_no_setting_is_made_up() -> None:
    assert set(re.findall(r"RUNTIME_[A-Z_]+", PAGE)) - {"RUNTIME_"} <= set(Settings.variables())


def test_the_limits_are_the_codes() -> None:
    for limit in (MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_MESSAGE, decode.MAX_PIXELS, glb_read.MAX_FACES):
        assert str(limit) in PAGE
    assert f"a side under {decode.MIN_SIDE} pixels" in PAGE


@pytest.mark.parametrize("model", [Metrics, Progress, Health])
def test_each_field_of_the_answers(model: type[Metrics | Progress | Health]) -> None:
    assert [name for name in model.model_fields if f'"{name}"' not in PAGE] == []


def test_each_event_of_the_log() -> None:
    call = re.compile(r'log\.(?:info|warning|error|exception)\(\s*"(\w+)"')
    logged = {
        event
        for path in (ROOT / "runtime").rglob("*.py")
        for event in call.findall(path.read_text(encoding="utf-8"))
    }
    first_cells = re.findall(r"^\|([^|]+)\|", PAGE.partition("## Log")[2].partition("## ")[0], re.MULTILINE)
    assert logged == set(re.findall(r"`(\w+)`", " ".join(first_cells)))
