"""Checks whether the engine's kernels are in numba's cache, without loading numba.

`meshtwin.minecraft.voxel.kernels.compiled` says where numba keeps them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOXEL = Path(__file__).parents[1]


def kernels_cached() -> bool:
    """Whether a kernel was compiled since the newest of the sources; else the first use takes a minute.

    For messages only: the cache may still be for another processor, or incomplete.
    """
    newest = max(path.stat().st_mtime for path in _VOXEL.rglob("*.py"))
    return any(path.stat().st_mtime >= newest for path in _indexes())


def _indexes() -> Iterator[Path]:
    """Numba's index files; in shared cache folders, their folders begin with the name of the source's.

    https://numba.readthedocs.io/en/stable/developer/caching.html
    """
    yield from _VOXEL.rglob("*.nbi")
    cache = os.environ.get("XDG_CACHE_HOME")
    user = (Path(cache) if cache else Path.home() / ".cache") / "numba"
    given = os.environ.get("NUMBA_CACHE_DIR")
    for cache_folder in (user, *([Path(given)] if given else [])):
        for folder in (path.name for path in _VOXEL.iterdir() if path.is_dir()):
            yield from cache_folder.glob(f"{folder}_*/*.nbi")
