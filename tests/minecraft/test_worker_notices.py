"""Notices that are lost, doubled, late or another's: S3 is what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import State
from tests.support.build_jobs import Container, notice

if TYPE_CHECKING:
    from tests.support.boundary import Asked, Boundary
    from tests.support.build_jobs import World


def at_shape(world: World, boundary: Boundary) -> tuple[str, Asked]:
    """A job whose shape was asked for."""
    job_id = world.add()
    world.sweep()
    world.worker(world.act(boundary.asked.pop(0)))
    (asked,) = boundary.take()
    assert world.job(job_id).step is Step.SHAPE
    return job_id, asked


def test_the_sweep_finds_what_lost_its_notice_well_or_not(world: World) -> None:
    world.deliver = False
    world.outcomes["shape"].append(Container("busy", retryable=True))
    job_id = world.add()
    world.sweep()
    (job,) = world.run_to_the_end(job_id)
    assert job.state is State.SUCCEEDED


def test_a_notice_that_comes_twice_is_acted_upon_once(world: World, boundary: Boundary) -> None:
    job_id, asked = at_shape(world, boundary)
    event = world.act(asked)
    world.worker(event)
    world.worker(event)
    assert boundary.names() == ["endpoint"]
    world.run()
    assert world.job(job_id).state is State.SUCCEEDED
    world.worker(event)
    assert boundary.names() == []
    assert world.job(job_id).state is State.SUCCEEDED


def test_a_notice_with_another_id_is_known_by_its_input(world: World, boundary: Boundary) -> None:
    job_id, asked = at_shape(world, boundary)
    event = world.act(asked)
    assert event is not None
    sent = event["Records"][0]["Sns"]
    sent["Message"] = sent["Message"].replace(f'"inferenceId": "{job_id}-shape-1"', '"inferenceId": "other"')
    assert '"other"' in sent["Message"]
    world.worker(event)
    assert world.job(job_id).step is Step.PAINT


def test_a_failure_of_an_earlier_attempt_does_not_end_a_later_one(world: World, boundary: Boundary) -> None:
    job_id, first = at_shape(world, boundary)
    failed = notice(first, "ClientError: Received server error (500) from model. See the logs.")
    world.worker(failed)
    assert world.job(job_id).attempt == 2
    for _ in range(3):
        world.worker(failed)
    assert (world.job(job_id).attempt, world.job(job_id).state) == (2, State.RUNNING)
    assert boundary.names() == ["endpoint"]


def test_a_result_that_comes_after_it_was_given_up_is_taken(world: World, boundary: Boundary) -> None:
    job_id, first = at_shape(world, boundary)
    key = first.event["InputLocation"].split("/", 3)[3]
    document = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
    world.clock.ahead += 3600 + 1800 + 301
    world.sweep()
    assert world.job(job_id).attempt == 2
    assert key not in world.listed(), "what still waits in the endpoint is to fail for want of its input"
    world.put(first.event["InputLocation"], document)
    world.worker(world.act(first))
    assert world.job(job_id).step is Step.PAINT


def test_a_success_without_its_object_is_not_believed(world: World, boundary: Boundary) -> None:
    job_id, asked = at_shape(world, boundary)
    world.worker(notice(asked))
    assert world.job(job_id).step is Step.SHAPE


def test_a_notice_of_no_job_and_notices_together(world: World, boundary: Boundary) -> None:
    job_id, asked = at_shape(world, boundary)
    event = world.act(asked)
    assert event is not None
    other = notice(asked)
    other["Records"][0]["Sns"]["Message"] = other["Records"][0]["Sns"]["Message"].replace(job_id, "f" * 12)
    world.worker({"Records": [*other["Records"], *event["Records"]]})
    assert world.job(job_id).step is Step.PAINT
