"""Writes the functions' manifest for the host of a profile without Lambda."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshtwin.cloud.source import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from meshtwin.cloud.createbuild.functions import Function

    _Table = Mapping[str, str] | Mapping[str, str | int]
    _Value = str | int | _Table | tuple[_Table, ...]


def write_manifest(functions: Iterable[Function], path: Path) -> None:
    """Write it as TOML, readable by its owner alone: it holds the API's token."""
    path.touch(mode=0o600)
    path.write_text("\n".join(map(_table, functions)), encoding="utf-8")


def _table(function: Function) -> str:
    values: dict[str, _Value] = {
        "handler": function.handler,
        "code": str(SOURCE),
        "memory": function.memory,
        "timeout": function.timeout,
        "environment": function.environment,
        "events": function.events,
        "retries": function.retries,
        "maximum_age": function.maximum_age,
    }
    if function.on_failure is not None:
        values["on_failure"] = function.on_failure
    if function.concurrency is not None:
        values["concurrency"] = function.concurrency
    lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
    return "\n".join([f"[functions.{function.name}]", *lines, ""])


def _toml(value: _Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str | int):
        # TOML's basic strings take what JSON writes, but for its pairs of escapes beyond 16 bits.
        return json.dumps(value, ensure_ascii=False)
    return f"{{ {', '.join(f'{name} = {_toml(entry)}' for name, entry in value.items())} }}"
