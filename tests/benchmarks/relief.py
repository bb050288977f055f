"""What the relief backend costs, picture by picture: seconds of each step, and the process's peak memory.

`python -m tests.benchmarks.relief PICTURE` is one measurement, in a process of its own so that no picture
pays for the memory of another; it prints JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.runtime.backends.relief.backend import ReliefBackend
from meshtwin.runtime.contract import Params
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.images.decode import find_subject, open_image
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from meshtwin.runtime.geometry.mesh import TexturedMesh

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "fixtures" / "images"
ROUNDS = 3
MEBIBYTE = 1 << 20
LONGEST_SECONDS, MOST_MEBIBYTES = 2.0, 400.0
"""The aims, for a picture of 1024 x 1024 at the default resolution on 2 cores."""

Seconds = dict[str, float]


def measure() -> list[Figure]:
    """Two figures a picture."""
    figures = []
    for picture in sorted(PICTURES.glob("*.*")):
        command = [sys.executable, "-m", "tests.benchmarks.relief", str(picture)]
        child = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        found = json.loads(child.stdout)
        steps = found["seconds"]
        note = ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
        name = f"{picture.stem}, {found['width']} x {found['height']}, {found['faces']} faces"
        seconds = steps["shape"] + steps["paint"]
        figures += [
            Figure(f"{name}: shape + paint", seconds, "s", LONGEST_SECONDS, note),
            Figure(f"{name}: peak memory", found["peak_bytes"] / MEBIBYTE, "MiB", MOST_MEBIBYTES),
        ]
    return figures


def _measure_one(picture: Path) -> dict[str, object]:
    """The best of `ROUNDS`, and the most memory of all, the interpreter and its libraries included."""
    rounds = [_round(picture) for _ in range(ROUNDS)]
    seconds, mesh = min(rounds, key=lambda done: sum(done[0].values()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    subject = open_image(picture).rgb
    return {
        "seconds": seconds,
        "peak_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "width": subject.shape[1],
        "height": subject.shape[0],
        "faces": len(mesh.faces),
    }


def _round(picture: Path) -> tuple[Seconds, TexturedMesh]:
    backend, params = ReliefBackend(), Params()
    times = [time.perf_counter()]
    subject = find_subject(open_image(picture))
    times.append(time.perf_counter())
    mesh = backend.shape(subject, params, 0, _unheard)
    times.append(time.perf_counter())
    painted = backend.paint(subject, mesh, params, 0, _unheard)
    times.append(time.perf_counter())
    write_glb(painted)
    times.append(time.perf_counter())
    steps = ("picture", "shape", "paint", "GLB")
    return {step: times[i + 1] - times[i] for i, step in enumerate(steps)}, painted


def _unheard(_step: str, _fraction: float) -> None:
    """Progress that nobody listens to."""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_one(Path(sys.argv[1]))) + "\n")
