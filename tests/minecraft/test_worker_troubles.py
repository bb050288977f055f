"""What is no step's failure: S3 that refuses, rows that cannot be read, answers that were lost."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.pipeline.machine import MAX_TROUBLES
from tests.support.build_jobs import get, post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.boundary import Asked, Boundary
    from tests.support.build_jobs import World


@contextmanager
def refusing_to_read(part: str) -> Iterator[None]:
    """S3 says 403 of objects whose key has `part`."""

    def refuse(params: dict[str, Any], **_: object) -> None:
        if part in params["Key"]:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    events = clients.s3().meta.events
    events.register("before-parameter-build.s3.HeadObject", refuse, unique_id="refuse")
    try:
        yield
    finally:
        events.unregister("before-parameter-build.s3.HeadObject", unique_id="refuse")


def trouble(world: World) -> None:
    with suppress(ClientError):
        world.sweep()


def test_a_job_that_cannot_be_looked_at_ends_and_holds_up_nobody(world: World) -> None:
    first, second = world.add(), world.add()
    world.sweep()
    with refusing_to_read(first):
        trouble(world)
        assert world.job(first).troubles == 1
        assert world.job(first).attempt == 1
        world.clock.ahead += 421
        trouble(world)
        assert world.job(first).attempt == 2, "its deadline counts, though nobody can look"
        for _ in range(MAX_TROUBLES):
            trouble(world)
    job = world.job(first)
    assert (job.state, job.error_code) == (State.FAILED, "unavailable")
    assert world.job(second).state is State.RUNNING


def test_a_trouble_that_passes_is_forgotten(world: World) -> None:
    job_id = world.add()
    world.sweep()
    with refusing_to_read(job_id):
        trouble(world)
    world.sweep()
    assert world.job(job_id).troubles == 0
    world.run()
    assert world.job(job_id).state is State.SUCCEEDED


@pytest.mark.parametrize("state", ["queued", "active"])
def test_a_row_that_cannot_be_read_fails_and_the_queue_goes_on(world: World, state: str) -> None:
    first, second = world.add(), world.add()
    if state == "active":
        world.sweep()
    world.set(first, request='{"size": 64}')
    reply = post({"prompt": "a cat"})
    assert reply.status == 202
    world.sweep()
    assert world.job(second).state is State.RUNNING
    assert first not in {*world.table.queued(), *world.table.active()}
    told = get(first).json
    assert (told["status"], told["errorCode"]) == ("FAILED", "unreadable")
    assert post(path=f"/build/{first}", method="DELETE").json["canceled"] is False


def test_who_is_cancelled_before_the_endpoint_is_asked_is_withdrawn_from_it(
    world: World, boundary: Boundary
) -> None:
    job_id = world.add()
    world.sweep()
    world.act(boundary.asked.pop(0))

    def cancel_first(params: dict[str, Any], **_: object) -> None:
        if params["Key"].startswith("async-input/"):
            assert post(path=f"/build/{job_id}", method="DELETE").json["canceled"]

    events = clients.s3().meta.events
    events.register("before-parameter-build.s3.PutObject", cancel_first, unique_id="cancel")
    try:
        world.wake(job_id)
    finally:
        events.unregister("before-parameter-build.s3.PutObject", unique_id="cancel")
    assert world.job(job_id).state is State.CANCELED
    assert boundary.names() == ["endpoint"]
    assert world.listed("async-input/") == [], "where it still waits it fails for want of its input"


def test_a_write_whose_answer_was_lost_is_known_as_ones_own(world: World) -> None:
    """The SDK sends it again, and DynamoDB says that the row is not as it was: it is as it should be."""
    job_id = world.add()
    (job,) = world.start()
    running = world.table.advance(job, State.RUNNING, step=Step.IMAGE)
    session, lost = URLLib3Session(), list[str]()

    def lose_the_first(request: Any, **_: object) -> Any:
        if lost:
            return None
        lost.append(job_id)
        answer = session.send(request)
        answer.status_code = 503
        return answer

    events = world.table.client.meta.events
    events.register("before-send.dynamodb.UpdateItem", lose_the_first, unique_id="lose")
    try:
        saved = world.table.save(running, attempt=2)
    finally:
        events.unregister("before-send.dynamodb.UpdateItem", unique_id="lose")
        session.close()
    assert lost
    assert world.job(job_id) == saved


def test_conflicts_are_tried_again_after_pauses_that_differ(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    (lease,) = world.leases.all()
    pauses: list[float] = []
    monkeypatch.setattr("meshtwin.minecraft.jobs.writes.time.sleep", pauses.append)

    def refuse(**_: object) -> None:
        if len(pauses) < 5:
            error: Any = {"Code": "TransactionConflictException", "Message": "try again"}
            raise ClientError({"Error": error}, "TransactWriteItems")

    events = world.table.client.meta.events
    events.register("before-parameter-build.dynamodb.TransactWriteItems", refuse, unique_id="conflict")
    try:
        world.leases.start(lease, world.job(job_id))
    finally:
        events.unregister("before-parameter-build.dynamodb.TransactWriteItems", unique_id="conflict")
    assert len(set(pauses)) == 5
    assert all(0 <= pause <= 0.025 * 2**number for number, pause in enumerate(pauses))


def test_a_sweep_looks_at_every_job_that_runs(world: World) -> None:
    """Those in places above MAX_ACTIVE_JOBS, too, which was lowered."""
    jobs = [world.add() for _ in range(3)]
    world.leases.slots = 3
    world.start()
    world.sweep()
    assert [world.job(job_id).state for job_id in jobs] == [State.RUNNING] * 3


@pytest.mark.documented("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html")
@pytest.mark.parametrize(
    ("error", "state", "attempt"),
    [
        ({"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}, State.RUNNING, 2),
        ({"errorType": "ContractError", "errorMessage": "size"}, State.FAILED, 1),
        (None, State.RUNNING, 2),
    ],
)
def test_a_function_that_dies_is_heard_of_at_once(
    world: World, boundary: Boundary, error: dict[str, str] | None, state: State, attempt: int
) -> None:
    job_id = world.add()
    world.sweep()
    (asked,) = boundary.take()
    record = {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 1},
        "requestPayload": asked.event,
        "responsePayload": error,
    }
    world.worker(json.loads(json.dumps(record)))
    job = world.job(job_id)
    assert (job.state, job.attempt) == (state, attempt)
    assert job.error_code == (None if state is State.RUNNING else "function_failed")
    world.worker(record)
    assert world.job(job_id).attempt == attempt, "a record of an earlier attempt says nothing of this one"


def test_a_function_that_dies_before_its_call_was_noted_is_heard_of(world: World, boundary: Boundary) -> None:
    """The worker that called it holds the lease, and is told by what it finds."""
    job_id = world.add()

    def die_at_once(asked: Asked) -> None:
        boundary.before_answer = None
        world.worker({"requestPayload": asked.event, "responsePayload": {"errorType": "Runtime.ExitError"}})

    boundary.before_answer = die_at_once
    world.sweep()
    job = world.job(job_id)
    assert (job.step, job.attempt, job.called_at) == (Step.IMAGE, 2, None)
    assert world.run_to_the_end(job_id)[0].state is State.SUCCEEDED


def test_a_death_after_the_result_was_written_changes_nothing(world: World, boundary: Boundary) -> None:
    job_id = world.add()
    world.sweep()
    (asked,) = boundary.take()
    world.act(asked)
    world.worker({"requestPayload": asked.event, "responsePayload": {"errorType": "Sandbox.Timedout"}})
    assert world.job(job_id).step is Step.SHAPE
