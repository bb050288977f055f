"""The emulator's parts are closed, the last started first, whatever goes wrong with one of them."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.sagemaker.emulator import Emulator
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.assumed, pytest.mark.usefixtures("aws")]

PARTS = (
    *("_rounds", "store", "scaler", "_alarms", "deployment"),
    *("_patrol", "dispatcher", "fleets", "_launchers", "ownership"),
)
STARTED_BEFORE_THE_PATROL = PARTS[PARTS.index("_patrol") :]


def watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Emulator, list[str]]:
    """An emulator each of whose parts is closed, and fails to be, and the names of those that were."""
    emulator = Emulator(Settings(log_dir=folder, table_prefix=f"t-{uuid.uuid4().hex[:8]}"))
    closed: list[str] = []

    def watch(name: str) -> None:
        part = getattr(emulator, name)
        close = part.close

        async def fails() -> None:
            closed.append(name)
            if (closing := close()) is not None:
                await closing
            raise RuntimeError(name)

        monkeypatch.setattr(part, "close", fails)

    for name in PARTS:
        watch(name)
    return emulator, closed


def test_every_part_is_closed_whatever_fails_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        emulator, closed = watched(tmp_path, monkeypatch)
        await emulator.start()
        with pytest.raises(RuntimeError, match=PARTS[-1]):
            await emulator.close()
        with pytest.raises(RuntimeError, match="after shutdown"):
            emulator.aws.executor.submit(print)
        return closed

    assert asyncio.run(main()) == list(PARTS)


def test_what_was_started_before_a_part_that_fails_to_start_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> None:
        raise OSError("no patrol today")

    async def main() -> list[str]:
        emulator, closed = watched(tmp_path, monkeypatch)
        monkeypatch.setattr(emulator._patrol, "start", fails)
        with pytest.raises(OSError, match="no patrol"):
            await emulator.start()
        with pytest.raises(RuntimeError):
            await emulator.close()
        return closed

    assert asyncio.run(main()) == list(STARTED_BEFORE_THE_PATROL)
