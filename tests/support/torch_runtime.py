"""The runtime with the allocating torch backend, driven over HTTP: what the tests on CPU and GPU share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.support.runtime_server import RuntimeServer, aws_environment

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

ALLOCATING = "tests.support.torch_backend:Allocating"


def serve(aws: str, folder: Path, device: str) -> RuntimeServer:
    return RuntimeServer(folder, aws_environment(aws), RUNTIME_BACKEND=ALLOCATING, RUNTIME_DEVICE=device)


def job(s3: S3Client, bucket: str, mebibytes: int) -> dict[str, Any]:
    """A shape for which the backend holds so much."""
    picture = io.BytesIO()
    Image.new("RGBA", (32, 32), (200, 30, 30, 255)).save(picture, "PNG")
    s3.put_object(Bucket=bucket, Key="in.png", Body=picture.getvalue())
    return {
        "stage": "shape",
        "input_s3": f"s3://{bucket}/in.png",
        "output_s3": f"s3://{bucket}/out.glb",
        "params": {"octree_resolution": mebibytes, "remove_background": "never"},
    }
