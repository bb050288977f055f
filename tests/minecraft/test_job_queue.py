"""The queue: oldest first, whoever asks; and what an operator does with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from meshtwin.minecraft.jobs import queue
from meshtwin.minecraft.jobs.cancel import cancel
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import create_table, table_definition
from tests.support.build_jobs import post

if TYPE_CHECKING:
    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World


def test_a_new_submit_never_jumps_ahead_of_older_jobs(world: World) -> None:
    """Even where a place is free, as after a worker that died between two jobs."""
    old = [world.add(), world.add()]
    reply = post({"prompt": "a cat"}).json
    assert reply["started"] is False
    assert reply["queuePosition"] == 2
    assert world.job(old[0]).state is State.STARTING
    assert world.job(old[1]).state is State.QUEUED


@pytest.mark.parametrize("world", [2], indirect=True)
def test_those_who_start_jobs_at_once_start_each_once_in_order(world: World) -> None:
    jobs = [world.add() for _ in range(8)]
    for expected in (jobs[:2], jobs[2:4], jobs[4:6], jobs[6:]):
        with ThreadPoolExecutor(4) as pool:
            started = [job.job_id for found in pool.map(lambda _: world.start(), range(4)) for job in found]
        assert sorted(started) == sorted(expected)
        for job_id in started:
            cancel(world.table, world.leases, job_id)


@pytest.mark.parametrize(
    ("world", "count", "rounds"),
    [(4, 28, 3), pytest.param(20, 1000, 25, marks=pytest.mark.soak(seconds=220))],
    indirect=["world"],
)
@pytest.mark.timeout(600)
def test_all_queued_jobs_end_in_order(
    world: World, boundary: Boundary, monkeypatch: pytest.MonkeyPatch, count: int, rounds: int
) -> None:
    """Each ends at its first step: the queue is what is looked at."""
    monkeypatch.setattr("meshtwin.minecraft.pipeline.worker.ROUNDS", rounds)
    boundary.refuse["text-to-image"] = (404, "ResourceNotFoundException")
    jobs = [world.add() for _ in range(count)]
    sweeps = 0
    while next(world.table.queued(), None) is not None:
        world.sweep()
        sweeps += 1
    found = [world.job(job_id) for job_id in jobs]
    assert {job.state for job in found} == {State.FAILED}
    times = [job.ended_at or 0.0 for job in found]
    assert times == sorted(times)
    assert len(set(times)) == count
    assert sweeps == -(-count // (world.leases.slots * rounds))
    assert boundary.names().count("worker") == count // (world.leases.slots * rounds), (
        "a call's time is bounded: it has another go on"
    )


def test_no_scan_and_the_index_has_only_what_has_not_ended(world: World) -> None:
    jobs = [world.add() for _ in range(3)]
    seen: list[str] = []
    world.table.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: seen.append(model.name), unique_id="seen"
    )
    try:
        world.sweep()
        world.run_to_the_end(*jobs)
        queue.entries(world.table)
        queue.clear(world.table, world.leases, dry_run=False)
    finally:
        world.table.client.meta.events.unregister("before-call.dynamodb", unique_id="seen")
    assert "Query" in seen
    assert "Scan" not in seen
    assert list(world.table.queued()) == list(world.table.active()) == []


def test_entries_are_those_at_work_and_then_the_oldest(world: World) -> None:
    jobs = [world.add() for _ in range(4)]
    world.sweep()
    found = queue.entries(world.table)
    assert [(entry.position, entry.job.job_id) for entry in found] == list(enumerate(jobs))
    assert [entry.position for entry in queue.entries(world.table, limit=2)] == [0, 1]


def test_clear_says_what_it_would_do_and_then_does_it(world: World) -> None:
    jobs = [world.add() for _ in range(3)]
    world.sweep()
    planned = queue.clear(world.table, world.leases, dry_run=True)
    assert (planned.active, planned.queued, planned.done) == ((jobs[0],), tuple(jobs[1:]), False)
    assert world.job(jobs[0]).state is State.RUNNING
    report = planned.to_dict()
    assert set(report) == {"queued", "active", "places", "done"}
    assert [(place["job"], place["nudges"]) for place in report["places"]] == [(jobs[0], 0)]
    done = queue.clear(world.table, world.leases, dry_run=False)
    assert (done.active, done.queued) == (planned.active, planned.queued)
    assert [world.job(job_id).state for job_id in jobs] == [State.CANCELED] * 3
    assert world.leases.get(0).job is None
    world.add()
    assert len(world.start()) == 1


def test_clear_frees_the_lock_of_a_job_that_is_gone_and_may_spare_those_at_work(world: World) -> None:
    first, second = world.add(), world.add()
    world.sweep()
    spared = queue.clear(world.table, world.leases, dry_run=False, active_too=False)
    assert (spared.active, spared.queued, spared.slots) == ((), (second,), ())
    assert world.job(first).state is State.RUNNING
    world.table.client.delete_item(TableName=world.table.name, Key={"job_id": {"S": first}})
    assert len(queue.clear(world.table, world.leases, dry_run=False, active_too=False).slots) == 1
    assert world.leases.get(0).job is None


def test_the_table_is_made_once_with_ttl_and_a_sparse_index(world: World) -> None:
    client, name = world.table.client, world.table.name
    assert create_table(client, name) is False
    described = client.describe_table(TableName=name)["Table"]
    definition = table_definition(name)
    assert described["KeySchema"] == definition["KeySchema"]
    (index,) = described["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["expires_at"]}
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


STOPS = ["queued", "starting", "image", "shape", "paint", "voxels"]


@pytest.mark.parametrize("stop", STOPS)
def test_cancel_works_in_every_state(world: World, boundary: Boundary, stop: str) -> None:
    job_id = world.add()
    following = world.add()
    if stop == "starting":
        world.start()
    elif stop != "queued":
        world.sweep()
        for _ in range(STOPS.index(stop) - 2):
            world.worker(world.act(boundary.asked.pop(0)))
        assert world.job(job_id).step == stop
    pending = boundary.take()
    reply = post(path=f"/build/{job_id}/cancel")
    assert (reply.status, reply.json["status"], reply.json["canceled"]) == (200, "CANCELED", True)
    assert world.job(following).state is State.STARTING, "the place is the next one's"
    assert boundary.names() == ["worker"]
    assert boundary.asked[0].event == {"jobId": following}
    if stop in ("shape", "paint"):
        assert not [key for key in world.listed("async-input/") if f"{job_id}-{stop}" in key]
    for asked in pending:
        # What was on its way comes, and changes nothing.
        world.worker({"jobId": job_id} if asked.name == "endpoint" else world.act(asked))
    assert world.job(job_id).state is State.CANCELED
    world.run()
    assert world.job(following).state is State.SUCCEEDED


def test_cancelling_what_has_ended_leaves_it(world: World) -> None:
    job_id = world.add()
    world.sweep()
    world.run()
    reply = post(path=f"/build/{job_id}", method="DELETE")
    assert (reply.status, reply.json["status"], reply.json["canceled"]) == (200, "SUCCEEDED", False)
    assert world.job(job_id).state is State.SUCCEEDED
    assert post(path="/build/ffffffffffff", method="DELETE").status == 404


def test_a_cancel_while_a_worker_works_stands(world: World, boundary: Boundary) -> None:
    job_id = world.add()

    def cancel_now(_: object) -> None:
        boundary.before_answer = None
        assert post(path=f"/build/{job_id}", method="DELETE").json["canceled"]

    boundary.before_answer = cancel_now
    world.sweep()
    assert world.job(job_id).state is State.CANCELED
    world.run()
    assert world.job(job_id).state is State.CANCELED
