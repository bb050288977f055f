"""Same picture, same seed, same bytes: in every process, whatever the number of threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import hashlib, pathlib, sys
from meshtwin.runtime.backends.relief.backend import ReliefBackend
from meshtwin.runtime.contract import Params
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.images.decode import find_subject, open_image

backend, silent = ReliefBackend(), lambda step, fraction: None
subject = find_subject(open_image(pathlib.Path(sys.argv[1])), seed=7)
shape = backend.shape(subject, Params(), 7, silent)
textured = backend.paint(subject, shape, Params(), 7, silent)
for mesh in (shape, textured):
    print(hashlib.sha256(write_glb(mesh)).hexdigest())
"""


def digests(picture: str, threads: int) -> list[str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(ROOT / "fixtures" / "images" / picture)],
        env={**os.environ, **dict.fromkeys(names, str(threads))},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("picture", ["duck.jpg", "mushroom.png"])
def test_every_process_makes_the_same_models(picture: str) -> None:
    first = digests(picture, threads=1)
    assert len(set(first)) == len(first) == 2
    assert all(len(digest) == len(hashlib.sha256().hexdigest()) for digest in first)
    assert digests(picture, threads=2) == first
