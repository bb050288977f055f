"""Workers that are killed with SIGKILL, wherever they are; those that come after them go on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from meshtwin.minecraft.jobs.states import ENDS, State
from tests.support.killed_worker import Killable, killable_workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World

LEASE = 121.0
FOLDER = ["image.png", "shape.glb", "textured.glb", "voxels.json"]


@pytest.fixture(scope="module")
def workers() -> Iterator[Killable]:
    """Started once: its clients, which take long to make, are the same for all tests."""
    with killable_workers() as found:
        yield found


@pytest.fixture
def killable(world: World, workers: Killable, monkeypatch: pytest.MonkeyPatch) -> Killable:
    # The clock is moved past leases again and again, which no deadline is to notice.
    for name in ("IMAGE_TIMEOUT_SECONDS", "VOXEL_TIMEOUT_SECONDS", "INVOCATION_TIMEOUT_SECONDS"):
        monkeypatch.setenv(name, "3600" if name.startswith("INV") else "1000000")
    assert world.bucket
    return workers


def settle(world: World, killable: Killable) -> None:
    """Do what is asked for until nothing is, by workers that live."""
    while world.boundary.asked:
        event = world.act(world.boundary.asked.pop(0))
        killable.call(event, ahead=world.clock.ahead)


@pytest.mark.parametrize("kill_after", range(1, 15))
def test_a_job_goes_on_whichever_call_its_workers_were_killed_after(
    world: World, boundary: Boundary, killable: Killable, kill_after: int
) -> None:
    """One worker in each step is killed, the next ends by itself; all steps' calls are met by and by."""
    job_id = world.add()
    event: object = {"sweep": True}
    killed = 0
    for _ in range(12):
        killed += killable.call(event, kill_after, world.clock.ahead)
        world.clock.ahead += LEASE
        killable.call({"sweep": True}, ahead=world.clock.ahead)
        if world.job(job_id).state in ENDS:
            break
        # Whatever was asked for twice is done twice; the last notice meets the next worker to be killed.
        events = [world.act(asked) for asked in boundary.take()]
        event = events[-1] if events else {"sweep": True}
    assert killed
    assert world.job(job_id).state is State.SUCCEEDED
    assert [key.rsplit("/", 1)[-1] for key in world.listed(f"jobs/{job_id}/")] == FOLDER
    assert world.leases.get(0).job is None
    assert list(world.table.active()) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.soak(seconds=50))])
def test_jobs_end_once_each_while_workers_are_killed_again_and_again(
    world: World, boundary: Boundary, killable: Killable, count: int
) -> None:
    chance = random.Random(5)  # noqa: S311  # the same kills in each run
    jobs = [world.add() for _ in range(count)]
    ended: dict[str, float | None] = {}
    events: list[object] = [{"sweep": True}]
    killed = 0
    for _ in range(2000):
        killed += killable.call(events.pop(0), chance.choice((0, *range(1, 16))), world.clock.ahead)
        events += [world.act(asked) for asked in boundary.take()]
        if not events:
            world.clock.ahead += LEASE
            events.append({"sweep": True})
        waiting = {job_id for job_id in jobs if job_id not in ended}
        for job in (world.job(job_id) for job_id in list(waiting)[:3] or jobs):
            if job.state in ENDS:
                ended[job.job_id] = job.ended_at
        if len(ended) == len(jobs):
            break
    settle(world, killable)
    found = [world.job(job_id) for job_id in jobs]
    assert killed > count
    assert [job.state for job in found] == [State.SUCCEEDED] * count
    assert [job.ended_at for job in found] == [ended[job_id] for job_id in jobs]
    times = [job.ended_at or 0.0 for job in found]
    assert times == sorted(times)
