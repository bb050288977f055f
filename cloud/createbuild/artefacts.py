"""What came of a build, brought into a folder."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cloud.createbuild.api import fetch
from cloud.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_AT_ONCE = 4


def folder_name(prompt: str) -> str:
    """A folder's name for a prompt: its letters and digits, at most 40 characters."""
    words = re.findall(r"\w+", prompt.lower())
    return "-".join(words)[:40].strip("-_") or "build"


def bring(status: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The artefacts of a finished build, by name, as files in `folder`.

    Raises:
        UnavailableError: one cannot be fetched.
    """
    links: dict[str, str] = status.get("artifacts") or {}
    files = {name: folder / _relative(name) for name in links}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one in [pool.submit(fetch, links[name], files[name]) for name in links]:
            one.result()
    return files


def _relative(name: str) -> PurePosixPath:
    """A name as a path that stays in its folder: it comes from elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise CloudError(f"the build API names an artefact {name!r}: expected a relative path")
    return path
