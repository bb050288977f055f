"""Whether the code that a process has loaded is still what is on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Fingerprint = dict[str, tuple[int, int]]
"""Each file's time of change, in nanoseconds, and size."""


def fingerprint(folder: str) -> Fingerprint:
    """The files that lie in the folder itself: modules, and data beside them."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.path: entry.stat() for entry in entries if entry.is_file()}
    except FileNotFoundError:
        return {}
    return {path: (status.st_mtime_ns, status.st_size) for path, status in found.items()}


class Loaded:
    """The folders that a process has loaded modules from, as they were when it reported them."""

    def __init__(self) -> None:
        self._seen: dict[str, Fingerprint] = {}

    def add(self, folders: Iterable[str]) -> None:
        """Note the folders that are new."""
        for folder in folders:
            if folder not in self._seen:
                self._seen[folder] = fingerprint(folder)

    def changed(self) -> bool:
        """Whether a file was changed, added or removed since."""
        return any(before != fingerprint(folder) for folder, before in self._seen.items())
