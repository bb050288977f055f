"""A torch backend on the CPU, where torch is installed: the same program as tests/gpu has on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.torch_runtime import job, serve

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

pytest.importorskip("torch", reason="torch is not installed: the gpu extra has it", exc_type=ImportError)


def test_a_job_on_the_cpu(aws: str, s3: S3Client, bucket: str, tmp_path: Path) -> None:
    with serve(aws, tmp_path, "cpu") as server:
        server.ready()
        answer = server.invoke(job(s3, bucket, 64))
        assert answer.status == 200, answer.json
        assert answer.json["metrics"]["device"] == "cpu"
        assert answer.json["metrics"]["peak_vram_bytes"] is None


def test_a_device_that_is_not_there_ends_the_container(aws: str, tmp_path: Path) -> None:
    with serve(aws, tmp_path, "cuda:99") as server:
        assert server.process.wait(60) == 2
        assert "RUNTIME_DEVICE 'cuda:99': torch " in server.errors
        assert "expected one of these, cpu, or auto" in server.errors
