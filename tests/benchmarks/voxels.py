"""The voxeliser beside trimesh and beside an exact reference: seconds, memory, cells and colours.

`python -m tests.benchmarks.voxels NAME SIZE` is one measurement, in a process of its own so that no mesh
pays for the memory of another; it prints JSON. VOXEL_GLBS names further models: paths of
GLBs, with colons between.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh

from meshtwin.minecraft.voxel.voxelize.lattice import fit
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize
from tests.benchmarks.figures import Figure
from tests.support import models, voxel_reference
from tests.support.ciede import ciede2000, cielab
from tests.support.voxel_colors import mean_colors

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.minecraft.voxel.read.model import Model

ROOT = Path(__file__).parents[2]
MESHES: dict[str, Callable[[], Model]] = {
    "sphere": models.sphere,
    "torus": models.torus,
    "blob": models.blob,
    "scene": models.scene,
}
SECONDS = {128: 0.25, 256: 1.0}
MOST_MEBIBYTES, TRIMESH_SHARE, MOST_DIFFERENCE = 300.0, 0.1, 1.0
ROUNDS = 5


def measure() -> list[Figure]:
    """Six figures for a mesh and a size."""
    names = [*MESHES, *filter(None, os.environ.get("VOXEL_GLBS", "").split(":"))]
    return [figure for name in names for size in SECONDS for figure in _figures(name, size)]


def _figures(name: str, size: int) -> list[Figure]:
    command = [sys.executable, "-m", "tests.benchmarks.voxels", name, str(size)]
    child = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = json.loads(child.stdout)
    label = f"{Path(name).stem} at {size}"
    note = f"{found['triangles']} triangles, {found['surface']} of {found['solid']} cells coloured"
    return [
        Figure(f"{label}: colour + solid", found["seconds"], "s", SECONDS[size], note),
        Figure(f"{label}: memory more than before", found["mebibytes"], "MiB", MOST_MEBIBYTES),
        Figure(f"{label}: share of trimesh's time", found["share"], "", TRIMESH_SHARE, "voxelized().fill()"),
        Figure(f"{label}: cells missed", found["missed"], "", 0, "1 - recall, to the exact surface"),
        Figure(f"{label}: cells too many", found["invented"], "", 0, "1 - precision"),
        Figure(
            f"{label}: colour difference", found["difference"], "dE00", MOST_DIFFERENCE, "to a dense sampling"
        ),
    ]


def _measure_one(name: str, size: int) -> dict[str, Any]:
    """The best of `ROUNDS` once warm; memory is the most that they took beyond what was there."""
    model = MESHES[name]() if name in MESHES else _read(Path(name))
    voxelize(models.cube(), 8)
    before = _forget_peak()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = voxelize(model, size)
        seconds.append(time.perf_counter() - start)
    more = _status("VmHWM") - before
    lattice = fit(model, size)
    expected = voxel_reference.touched(model, lattice)
    surface = np.zeros(lattice.shape, bool)
    surface[tuple(found.surface.T)] = True
    dense = mean_colors(model, lattice)
    own, theirs = cielab(found.colors), cielab(dense[tuple(found.surface.T)])
    known = np.isfinite(theirs).all(axis=1)
    return {
        "triangles": sum(len(primitive.faces) for primitive in model.primitives),
        "solid": int(found.solid.sum()),
        "surface": len(found.surface),
        "seconds": min(seconds),
        "mebibytes": more / (1 << 20),
        "share": min(seconds) / _trimesh_seconds(model, size),
        "missed": float((expected & ~surface).sum() / expected.sum()),
        "invented": float((surface & ~expected).sum() / surface.sum()),
        "difference": float(ciede2000(own[known], theirs[known]).mean()),
    }


def _read(path: Path) -> Model:
    from meshtwin.minecraft.voxel.read.read import read_model  # noqa: PLC0415  # only where a GLB is named

    return read_model(path)


def _forget_peak() -> int:
    """Starts the process's peak anew; returns the bytes in memory now. Linux only.

    https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def _trimesh_seconds(model: Model, size: int) -> float:
    parts = [trimesh.Trimesh(p.positions, p.faces, process=False) for p in model.primitives]
    mesh: Any = trimesh.util.concatenate(parts)
    start = time.perf_counter()
    mesh.voxelized(pitch=float(mesh.extents.max()) / (size - 1)).fill()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_one(sys.argv[1], int(sys.argv[2]))) + "\n")
