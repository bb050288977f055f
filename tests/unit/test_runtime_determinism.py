"""Same image, same seed, same bytes: job after job in one process, wherever its buffers lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from PIL import Image, ImageDraw

from meshtwin.runtime.backends.relief.backend import ReliefBackend
from meshtwin.runtime.contract import Params, Stage
from meshtwin.runtime.jobs import pipeline
from meshtwin.runtime.jobs.messages import Job

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray

Number = TypeVar("Number", np.uint8, np.float32)

LINE = 64
"""Bytes that a processor moves at once: what an address is counted within."""


def placed(values: NDArray[Number], offset: int) -> NDArray[Number]:
    """A copy that begins `offset` bytes into a line."""
    buffer = np.empty(values.nbytes + 2 * LINE, np.uint8)
    start = -buffer.ctypes.data % LINE + offset
    copy = buffer[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


class Wandering:
    """OpenCV's distance transform with its buffers at another address each time; `fields` has its results."""

    def __init__(self) -> None:
        self._real = cv2.distanceTransform
        self._calls = 0
        self.fields: dict[bytes, set[bytes]] = {}

    def __call__(self, mask: NDArray[np.uint8], kind: int, size: int) -> NDArray[np.float32]:
        self._calls += 1
        source = placed(mask, 4 * self._calls % LINE)
        target = placed(np.zeros(mask.shape, np.float32), 12 * self._calls % LINE)
        found = np.asarray(self._real(source, kind, size, dst=target), np.float32)
        self.fields.setdefault(mask.tobytes() + bytes([size]), set()).add(found.tobytes())
        return found


def test_one_job_twenty_times_is_one_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandering = Wandering()
    monkeypatch.setattr(cv2, "distanceTransform", wandering)
    # The thread's, as a new process has it; a job sets it for itself.
    cv2.ipp.setUseIPP(True)
    image = Image.new("RGBA", (96, 96))
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 8, 88, 60), fill=(200, 40, 30, 255))
    draw.line((50, 50, 30, 94), fill=(240, 220, 180, 255), width=3)
    image.save(tmp_path / "image", "PNG")
    backend = ReliefBackend()
    made: dict[str, set[bytes]] = {"shape": set(), "textured": set()}
    for stage in [Stage.SHAPE] * 17 + [Stage.FULL] * 3:
        outputs = {name: str(tmp_path / name) for name in made if stage is Stage.FULL or name == "shape"}
        job = Job(
            stage=stage,
            image=str(tmp_path / "image"),
            shape=None,
            outputs=outputs,
            params=Params(octree_resolution=64, texture_size=256),
            seed=7,
        )
        pipeline.run_job(backend, job, lambda _: None)
        for name in outputs:
            made[name].add((tmp_path / name).read_bytes())
    assert [len(results) for results in made.values()] == [1, 1]
    assert len(wandering.fields) >= 2
    assert {len(found) for found in wandering.fields.values()} == {1}
