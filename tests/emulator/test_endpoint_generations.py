"""A deleted endpoint's requests are not another one's, whatever its name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import drive, running, settings_for, spec_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Harness

pytestmark = pytest.mark.assumed


def test_a_request_of_a_deleted_endpoint_never_runs_on_the_next_one_of_its_name(
    aws: str, tmp_path: Path
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("echo", generation="second")
        # As another emulator that was killed while it deleted the first one has left it.
        left = await harness.submit(spec, generation="first")
        await harness.fleets.start(spec)
        at_once = await harness.submit(spec, generation="first")
        its_own = await harness.submit(spec, generation="second")
        assert (await harness.ended(its_own))["state"] == "completed"
        for request in (left, at_once):
            record = await harness.ended(request)
            assert record["state"] == "failed"
            assert record["reason"] == f"InternalFailure: endpoint {spec.endpoint_name} was deleted"
            assert not harness.dispatcher.exchanges.of(request.request_id)

    drive(aws, settings_for(tmp_path), scenario)


def test_requests_that_a_killed_emulator_left_of_an_endpoint_that_is_gone_end(
    aws: str, tmp_path: Path
) -> None:
    settings, spec, there = settings_for(tmp_path), spec_for(), spec_for()

    async def main() -> None:
        async with running(aws, settings) as first:
            gone, waiting = await first.submit(spec), await first.submit(there)
        async with running(aws, settings, bucket=first.bucket) as second:
            second.dispatcher.end_orphans({there.endpoint_name})
            assert (await second.ended(gone))["reason"].endswith("was deleted")
            assert second.record(waiting)["state"] == "queued"

    asyncio.run(main())


def test_of_endpoints_that_were_deleted_long_ago_nothing_is_kept_but_what_waits(
    aws: str, tmp_path: Path
) -> None:
    async def scenario(harness: Harness) -> None:
        waiting = spec_for()
        await harness.submit(waiting)
        deleted = [spec_for(instance_count=0) for _ in range(30)]
        for spec in deleted:
            await harness.fleets.start(spec)
            await harness.fleets.stop(spec.endpoint_name)
        kept = harness.queue.endpoint_names
        assert waiting.endpoint_name in kept
        assert len(kept) <= 20
        assert deleted[-1].endpoint_name in kept

    drive(aws, settings_for(tmp_path), scenario)
