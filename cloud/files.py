"""Files that commands write: checked before anything is sent or started, and there whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def file_to_write(place: str, option: str) -> Path:
    """`place` as a file that can be written.

    Raises:
        UsageError: it is a folder, or its folder cannot be.
    """
    path = Path(place)
    if not path.name or path.name == ".." or place.endswith(os.sep) or path.is_dir():
        raise UsageError(f"{option} {place!r}: is a folder, expected a file's name")
    folder_to_write(path.parent, option)
    return path


def folder_to_write(path: Path, option: str) -> Path:
    """`path` as a folder that is there, or can be made.

    Raises:
        UsageError: a file is in its place, or it may not be written.
    """
    there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not there.is_dir():
        raise UsageError(f"{option} {str(path)!r}: {there} is a file, expected a folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{option} {str(path)!r}: {there} may not be written: choose another folder")
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to in the `with` block; it replaces `path` once all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
