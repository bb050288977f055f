"""What a container answers is what lies in S3, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Harness, running, settings_for, spec_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html"
)


def test_two_hundred_requests_have_two_hundred_results(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for(concurrency=16)
        await harness.fleets.start(spec)
        requests = await asyncio.gather(*(harness.submit(spec, str(n).encode()) for n in range(200)))
        for request in requests:
            record = await harness.ended(request)
            assert record["state"] == "completed"
            assert record["fence"] == "1"
        found = await asyncio.to_thread(harness.objects)
        assert {value["Body"] for value in found.values()} == {str(n).encode() for n in range(200)}
        assert len(found) == 200
        calls = harness.writes()
        assert calls["s3.PutObject"] == 200
        assert calls["dynamodb.PutItem"] == 200
        assert calls["dynamodb.UpdateItem"] <= 2 * 200 + 1

    async def main() -> None:
        async with running(aws, settings_for(tmp_path)) as harness:
            await scenario(harness)

    asyncio.run(main())
