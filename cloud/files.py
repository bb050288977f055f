"""Files that commands write: checked before anything is sent or started, and written atomically."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def file_to_write(name: str, option: str) -> Path:
    """`name` as the path of a file that can be written.

    Raises:
        UsageError: it is a folder, or its folder cannot be created.
    """
    path = Path(name)
    if not path.name or path.name == ".." or name.endswith(os.sep) or path.is_dir():
        raise UsageError(f"{option} {name!r}: is a folder, expected a file's name")
    folder_to_write(path.parent, option)
    return path


def folder_to_write(path: Path, option: str) -> Path:
    """`path` as a folder that exists or can be created.

    Raises:
        UsageError: it is a file, or is not writable.
    """
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise UsageError(f"{option} {str(path)!r}: {existing} is a file, expected a folder")
    if not os.access(existing, os.W_OK):
        raise UsageError(f"{option} {str(path)!r}: {existing} is not writable: choose another folder")
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it replaces `path` where the `with` block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
