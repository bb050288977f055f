"""Folders in place of /tmp, one for each process of a function, removed with it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

_PREFIX = "meshtwin-function-"
_NAME = re.compile(re.escape(_PREFIX) + r"(\d+)-\w+", re.ASCII)


def make_scratch() -> str:
    """A new folder, whose name has the process id of this host."""
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def remove_scratch(path: str) -> None:
    """Remove a folder with all that the function has left in it."""
    shutil.rmtree(path, ignore_errors=True)


def remove_orphans() -> None:
    """Remove the folders of hosts that are gone, which were killed before they could."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = _NAME.fullmatch(path.name)
        if owner is not None and not psutil.pid_exists(int(owner[1])):
            remove_scratch(str(path))
