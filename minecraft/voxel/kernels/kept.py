"""Whether the engine's loops are kept on this machine as machine code; says so without loading numba.

`meshtwin.minecraft.voxel.kernels.compiled` tells where numba keeps them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOXEL = Path(__file__).parents[1]


def kept() -> bool:
    """Whether some loop was compiled since the newest of the sources; else the first use takes a minute.

    A question for words alone: what is kept may still be for another processor, or not all.
    """
    newest = max(path.stat().st_mtime for path in _VOXEL.rglob("*.py"))
    return any(path.stat().st_mtime >= newest for path in _indexes())


def _indexes() -> Iterator[Path]:
    """Numba's files that tell what it keeps; in shared places folders begin with that of the source.

    https://numba.readthedocs.io/en/stable/developer/caching.html
    """
    yield from _VOXEL.rglob("*.nbi")
    cache = os.environ.get("XDG_CACHE_HOME")
    user = (Path(cache) if cache else Path.home() / ".cache") / "numba"
    given = os.environ.get("NUMBA_CACHE_DIR")
    for place in (user, *([Path(given)] if given else [])):
        for room in (path.name for path in _VOXEL.iterdir() if path.is_dir()):
            yield from place.glob(f"{room}_*/*.nbi")
