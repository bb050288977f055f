"""From a GLB to all that a build is: seconds of each step, and what reading costs beside trimesh.

`python -m tests.benchmarks.engine GLB WHAT` is one measurement, in a process of its own so that no mesh pays
for the memory of another; GLB is a path, WHAT build, read or trimesh. It prints JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trimesh

from fixtures import meshes
from meshtwin.minecraft.voxel.engine import build_model
from meshtwin.minecraft.voxel.export.artefacts import ANCHOR, artefacts, command_files
from meshtwin.minecraft.voxel.options import SIZES, BuildOptions
from meshtwin.minecraft.voxel.read.read import read_model
from meshtwin.minecraft.voxel.versions import DEFAULT_VERSION, parse_version
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parents[2]
MESHES: dict[str, Callable[[], bytes]] = {
    "400k": meshes.blob,
    "repeated": lambda: meshes.sphere(96, detail=1024),
    "materials": meshes.scene,
    "chess": meshes.chess,
}
ROUNDS = 3
MOST_SECONDS = 2.5
"""Of a `large` build, from the GLB to its commands, as written for a game to run."""

READING_SHARE = 1.0
_MEBIBYTE = 1 << 20


def measure() -> list[Figure]:
    """Seconds from GLB to commands and to all files, and the reader's beside trimesh's, for each mesh."""
    return [figure for name in MESHES for figure in _figures(name)]


def _figures(name: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.glb"
        path.write_bytes(MESHES[name]())
        built, read, theirs = (_in_a_process(path, what) for what in ("build", "read", "trimesh"))
    steps = ", ".join(f"{step} {built[step]:.2f}" for step in ("voxels", "blocks", "boxes"))
    share = read["seconds"] / theirs["seconds"]
    note = f"trimesh: {theirs['seconds']:.3f} s, {theirs['mebibytes']:.0f} MiB"
    return [
        Figure(f"{name}: GLB to commands, large", built["seconds"], "s", MOST_SECONDS, steps),
        Figure(f"{name}: all other files", built["files"], "s", note=f"{built['boxes_made']:.0f} boxes"),
        Figure(f"{name}: read", read["seconds"], "s", note=note),
        Figure(
            f"{name}: share of trimesh's time", share, "", READING_SHARE, "load_scene(), pictures decoded"
        ),
        Figure(
            f"{name}: memory to read", read["mebibytes"], "MiB", theirs["mebibytes"], "the aim is trimesh's"
        ),
    ]


def _in_a_process(path: Path, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.engine", str(path), what]
    child = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(child.stdout)
    return found


def _measure_one(name: str, what: str) -> dict[str, float]:
    path = Path(name)
    if what == "build":
        return _built(path)
    return _read(path, read_model if what == "read" else _with_trimesh)


def _with_trimesh(path: Path) -> None:
    """A scene with its pictures, which trimesh decodes only when they are asked for."""
    scene: Any = trimesh.load_scene(path, process=False)
    for mesh in scene.geometry.values():
        material = getattr(mesh.visual, "material", None)
        if (picture := getattr(material, "baseColorTexture", None)) is not None:
            picture.load()


def _built(path: Path) -> dict[str, float]:
    """The quickest of ROUNDS once warm."""
    options, game = BuildOptions(size=SIZES["large"]), parse_version(DEFAULT_VERSION)
    for _ in command_files(build_model(read_model(path), options), game, ANCHOR):
        pass
    found: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        made = build_model(read_model(path), options)
        _write(path.parent, command_files(made, game, ANCHOR))
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        _write(path.parent, artefacts(made))
        files = time.perf_counter() - start
        found.append(made.seconds | {"seconds": seconds, "files": files, "boxes_made": len(made.build.boxes)})
    return min(found, key=lambda one: one["seconds"])


def _write(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    for name, data in files:
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)


def _read(path: Path, reader: Callable[[Path], object]) -> dict[str, float]:
    """Memory is what the first reading adds to the process's peak."""
    seconds = []
    before = _peak()
    start = time.perf_counter()
    reader(path)
    seconds.append(time.perf_counter() - start)
    more = _peak() - before
    for _ in range(ROUNDS):
        start = time.perf_counter()
        reader(path)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "mebibytes": more / _MEBIBYTE}


def _peak() -> int:
    """The most bytes that the process has had in memory."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_one(*sys.argv[1:])) + "\n")
