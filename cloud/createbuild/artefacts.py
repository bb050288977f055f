"""Downloads a build's files into a folder."""

from __future__ import annotations

import hashlib
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from meshtwin.cloud.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BLOCK_FILES = (
    *("build.json.gz", "materials.csv", "preview.png", "preview.glb", "build.schem", "build.v3.schem"),
    *("build.litematic", "model.vox", "structures.zip", "datapack.zip", "datapack-*.zip"),
    "commands/*.mcfunction",
)
"""The voxel engine's files, as patterns: those in a folder belong to one build."""

MODEL_FILES = ("image.png", "shape.glb", "textured.glb")
"""The files of the steps before the blocks."""

_AT_ONCE = 4
_MAX_PROMPT = 40


def folder_name(prompt: str) -> str:
    """A folder's name for a prompt: its letters and digits, and a digest where they are ambiguous."""
    words = re.findall(r"\w+", prompt.lower())
    name = "-".join(words)[:_MAX_PROMPT].strip("-_") or "build"
    if prompt == name.replace("-", " "):
        return name
    return f"{name}-{hashlib.sha256(prompt.encode()).hexdigest()[:6]}"


@contextmanager
def one_build(folder: Path, replaced: tuple[str, ...]) -> Iterator[Path]:
    """An empty folder to write a build into; on success `folder` gets its files in place of an older build's.

    Files that match `replaced` count as an older build's; any others in `folder` stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", suffix=".partial", dir=folder) as scratch:
        written = Path(scratch)
        yield written
        for pattern in replaced:
            for old in folder.glob(pattern):
                old.unlink()
        for path in [path for path in written.rglob("*") if path.is_file()]:
            target = folder / path.relative_to(written)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)


def bring(status: Mapping[str, Any], folder: Path, fetch: Callable[[str, Path], None]) -> dict[str, Path]:
    """The artefacts of a finished build, by name, as files in `folder`, in place of an older build's.

    `fetch` downloads a URL into a file.

    Raises:
        CloudError: the folder cannot be written.
        UnavailableError: one cannot be downloaded.
    """
    links: dict[str, str] = status.get("artifacts") or {}
    names = {name: _relative(name) for name in links}
    try:
        with one_build(folder, BLOCK_FILES + MODEL_FILES) as partial, ThreadPoolExecutor(_AT_ONCE) as pool:
            for one in [pool.submit(fetch, links[name], partial / names[name]) for name in links]:
                one.result()
    except OSError as error:
        raise CloudError(f"{folder} cannot be written: {error}") from error
    return {name: folder / path for name, path in names.items()}


def _relative(name: str) -> PurePosixPath:
    """A name from the API as a path that stays in its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise CloudError(f"the build API names an artefact {name!r}: expected a relative path")
    return path
