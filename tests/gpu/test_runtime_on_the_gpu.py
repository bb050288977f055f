"""The runtime on a CUDA device, over HTTP: which device, how much memory, and what if that is too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.torch_runtime import job, serve

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

MEBIBYTE = 2**20
WEIGHTS = MEBIBYTE


@pytest.mark.parametrize(("device", "used"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cpu", "cpu")])
def test_the_device_that_is_asked_for_is_used(
    aws: str, s3: S3Client, bucket: str, tmp_path: Path, device: str, used: str
) -> None:
    with serve(aws, tmp_path, device) as server:
        server.ready()
        assert server.ping().json["device"] == used
        assert server.invoke(job(s3, bucket, 32)).json["metrics"]["device"] == used


def test_the_peak_is_of_each_job_alone(aws: str, s3: S3Client, bucket: str, tmp_path: Path) -> None:
    with serve(aws, tmp_path, "cuda") as server:
        server.ready()
        for mebibytes in (256, 64):
            peak = server.invoke(job(s3, bucket, mebibytes)).json["metrics"]["peak_vram_bytes"]
            # torch rounds allocations up, and the backend's sum takes a little besides.
            assert mebibytes * MEBIBYTE + WEIGHTS <= peak < (mebibytes + 32) * MEBIBYTE


def test_too_little_memory_is_an_answer_and_the_next_job_is_done(
    aws: str, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    with serve(aws, tmp_path, "cuda") as server:
        server.ready()
        worker = server.worker.pid
        refused = server.invoke(job(s3, bucket, 512))
        assert (refused.status, refused.code) == (507, "out_of_gpu_memory")
        assert refused.json["error"]["retryable"] is True
        assert "CUDA out of memory" in refused.json["error"]["message"]
        assert "octree_resolution" in refused.json["error"]["message"]
        done = server.invoke(job(s3, bucket, 256))
        assert done.status == 200, done.json
        assert server.worker.pid == worker
        assert done.json["metrics"]["peak_vram_bytes"] < 512 * MEBIBYTE


def test_a_device_that_is_not_there_is_refused_with_what_is(aws: str, tmp_path: Path) -> None:
    with serve(aws, tmp_path, "cuda:99") as server:
        assert server.process.wait(60) == 2
        assert "sees cuda:0 (" in server.errors
