"""The worker lock: one at a time, taken over when its holder dies, and no writes by who has lost it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ParamValidationError

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import LostJobError

if TYPE_CHECKING:
    from tests.support.boundary import Asked, Boundary
    from tests.support.build_jobs import World


def test_one_holder_at_a_time_until_the_lease_runs_out(world: World) -> None:
    world.add()
    (job,) = world.start()
    first = world.leases.take(job, "first")
    assert first is not None
    assert world.leases.take(world.job(job.job_id), "second") is None
    world.clock.ahead += 119
    assert world.leases.take(world.job(job.job_id), "second") is None
    world.clock.ahead += 2
    second = world.leases.take(world.job(job.job_id), "second")
    assert second is not None
    assert second.job.fence > first.job.fence
    with pytest.raises(LostJobError, match="under fence"):
        world.table.advance(first.job, State.RUNNING, step=Step.IMAGE)
    with pytest.raises(LostJobError, match="taken over"):
        world.leases.leave(first)
    assert world.table.advance(second.job, State.RUNNING, step=Step.IMAGE).state is State.RUNNING


def test_who_comes_by_while_somebody_works_is_not_forgotten(world: World) -> None:
    world.add()
    (job,) = world.start()
    hold = world.leases.take(job, "first")
    assert hold is not None
    assert world.leases.take(world.job(job.job_id), "second") is None
    again = world.leases.leave(hold)
    assert again is not None, "the holder has to look once more"
    assert world.leases.leave(again) is None
    assert world.leases.take(world.job(job.job_id), "second") is not None


def test_a_worker_whose_lease_ran_out_while_it_worked_writes_nothing_more(
    world: World, boundary: Boundary
) -> None:
    """The first worker is held up in its call to Lambda, until another has brought the job further."""
    job_id = world.add()
    further: list[Step | None] = []

    def hold_up(asked: Asked) -> None:
        boundary.before_answer = None
        world.clock.ahead += 121
        world.act(asked)
        world.wake(job_id)
        further.append(world.job(job_id).step)

    boundary.before_answer = hold_up
    world.sweep()
    assert further == [Step.SHAPE]
    job = world.job(job_id)
    assert (job.step, job.attempt) == (Step.SHAPE, 1)
    assert boundary.names() == ["text-to-image", "endpoint"]
    assert world.run_to_the_end(job_id)[0].state is State.SUCCEEDED


@pytest.mark.parametrize(("world", "count"), [(1, 2), (3, 4)], indirect=["world"])
def test_workers_that_race_do_everything_once(world: World, boundary: Boundary, count: int) -> None:
    """One job more waits than there are places."""
    jobs = [world.add() for _ in range(count)]
    events: list[object] = [{"sweep": True}]
    names: list[tuple[str, str]] = []
    with ThreadPoolExecutor(4) as pool:
        for _ in range(60):
            list(pool.map(world.worker, events * 2 + [{"sweep": True}, {"sweep": True}]))
            assert len(list(world.table.active())) <= world.leases.slots
            asked = boundary.take()
            names += [(one.name, one.event.get("jobId") or one.event["Inference-Id"]) for one in asked]
            events = [world.act(one) for one in asked]
            if not events:
                break
    assert [world.job(job_id).state for job_id in jobs] == [State.SUCCEEDED] * count
    assert len(set(names)) == len(names) == 4 * count


def test_a_place_whose_job_is_gone_is_freed_by_the_sweep(world: World) -> None:
    first, second = world.add(), world.add()
    world.sweep()
    world.table.client.delete_item(TableName=world.table.name, Key={"job_id": {"S": first}})
    world.sweep()
    assert world.job(second).state is State.RUNNING


def test_a_job_whose_place_is_gone_ends(world: World) -> None:
    job_id = world.add()
    world.sweep()
    world.table.client.delete_item(TableName=world.table.name, Key={"job_id": {"S": "lease#0"}})
    world.sweep()
    assert (world.job(job_id).state, world.job(job_id).error_code) == (State.FAILED, "unavailable")


def test_a_row_past_its_time_is_gone_though_dynamodb_deletes_late(world: World) -> None:
    job_id = world.add()
    world.clock.ahead += 604_801
    assert world.table.get(job_id) is None
    assert world.table.get("lease#0") is None


def test_a_worker_that_meets_trouble_says_so_and_gives_the_lease_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    monkeypatch.setenv("OUTPUT_BUCKET", "no bucket's name")
    with pytest.raises(ParamValidationError):
        world.sweep()
    assert world.job(job_id).state is State.RUNNING
    assert world.leases.get(0).owner is None
    monkeypatch.setenv("OUTPUT_BUCKET", world.bucket)
    world.sweep()
    assert world.run_to_the_end(job_id)[0].state is State.SUCCEEDED
