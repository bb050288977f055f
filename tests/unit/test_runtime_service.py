"""What is let in, without a worker."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from meshtwin.runtime.contract import ErrorCode, InvocationRequest, JobError
from meshtwin.runtime.jobs.cancellation import CancellationToken
from meshtwin.runtime.jobs.run import Dependencies
from meshtwin.runtime.jobs.service import Service
from meshtwin.runtime.settings import Settings

PAINT = {
    "stage": "paint",
    "input_s3": "s3://images/fox.png",
    "shape_s3": "s3://pipeline/shape.glb",
    "output_s3": "s3://results/textured.glb",
}


@pytest.mark.parametrize("left_out", ["images", "pipeline", "results"])
def test_only_buckets_on_the_list_are_read_and_written(left_out: str) -> None:
    allowed = tuple({"images", "pipeline", "results"} - {left_out})
    dependencies = Dependencies(Settings(allowed_buckets=allowed), *([cast("Any", None)] * 4))

    async def invoke() -> None:
        await Service(dependencies).invoke(
            InvocationRequest.model_validate(PAINT), "test", CancellationToken()
        )

    with pytest.raises(JobError, match=f"s3://{left_out}/.* RUNTIME_ALLOWED_BUCKETS") as refused:
        asyncio.run(invoke())
    assert refused.value.code is ErrorCode.ACCESS_DENIED
