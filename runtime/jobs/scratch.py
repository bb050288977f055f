"""Temporary folders for jobs, removed when the server ends, or at the next start if it was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PREFIX = "meshtwin-runtime-"
_LOCK = "owner.lock"
_NEWBORN_SECONDS = 60


class Scratch:
    """A server's folder, with a folder for each job in it.

    The server holds a lock on it, which the system releases when the process ends, by SIGKILL too. A folder
    whose lock is free belongs to a killed server, and is removed at the next start. A process id in the name
    would not do: in a container the dead server and the new one are both process 1.
    """

    def __init__(self, parent: Path) -> None:
        self.removed = _sweep(parent)
        self.path, self._lock = _create(parent)

    def job(self) -> tempfile.TemporaryDirectory[str]:
        """A new folder, removed at the end of its `with`."""
        return tempfile.TemporaryDirectory(prefix="job-", dir=self.path, ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _create(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another server that starts just now may have swept the folder between the two lines above.
            if (path / _LOCK).exists():
                return path, lock
        os.close(lock)


def _sweep(parent: Path) -> int:
    """Remove what dead servers of this user left; how many folders that was."""
    removed = 0
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if not path.is_symlink() and path.lstat().st_uid == os.getuid():
                removed += _remove_if_abandoned(path)
    return removed


def _remove_if_abandoned(path: Path) -> bool:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        # Made just now, its lock to come in an instant; or its maker died in that instant, long ago.
        if time.time() - path.stat().st_mtime < _NEWBORN_SECONDS:
            return False
        shutil.rmtree(path)
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
