"""Files and folders that other users of the machine may not read: logs and journals hold what was sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_private(folder: Path) -> Path:
    """The folder; it, and what is missing above it, are made their owner's alone; others stay as they are."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def touch_private(path: Path) -> Path:
    """The file, there to be written to, and its owner's alone where it is new, as is a new folder."""
    make_private(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
    return path
