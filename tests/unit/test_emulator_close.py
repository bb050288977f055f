"""The emulator's parts are closed, the last started first, whatever goes wrong with one of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.sagemaker.emulator import Emulator
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("store", "_rounds", "scaler", "deployment", "dispatcher", "fleets", "_launchers", "aws")


def test_every_part_is_closed_whatever_fails_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    emulator = Emulator(Settings(log_dir=tmp_path))
    closed: list[str] = []
    for name in PARTS:
        part = getattr(emulator, name)
        close = part.close

        async def fails(name: str = name) -> None:
            closed.append(name)
            raise RuntimeError(name)

        def closes(name: str = name, close: object = close) -> None:
            closed.append(name)
            assert callable(close)
            close()

        monkeypatch.setattr(part, "close", fails if asyncio.iscoroutinefunction(close) else closes)
    with pytest.raises(RuntimeError, match="fleets"):
        asyncio.run(emulator.close())
    assert closed == list(PARTS)
