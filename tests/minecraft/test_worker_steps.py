"""The step machine: a build from its prompt to its blocks, and the ways in which it does not get there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meshtwin.minecraft.contract import ImageTask, StepFailure, VoxelTask
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.pipeline.messages import MESSAGES, SHAPE_ONLY_NOTE
from meshtwin.minecraft.voxel.options import BuildOptions
from meshtwin.runtime.contract import ErrorCode, InvocationRequest, Stage
from tests.support.build_jobs import Container, get, notice, sns

if TYPE_CHECKING:
    from tests.support.boundary import Boundary
    from tests.support.build_jobs import Outcome, World

RESULTS = {"image": "image.png", "shape": "shape.glb", "paint": "textured.glb", "voxels": "voxels.json"}
FILTERED = StepFailure("content_filtered", "The words were refused: choose other words.", retryable=False)


def test_a_build_goes_through_all_steps_and_no_call_waits(world: World, boundary: Boundary) -> None:
    job_id = world.add(anchor=(1, 2, 3), palette=("minecraft:stone",), hollow=2, rotation=1)
    names = []
    world.sweep()
    while boundary.asked:
        (asked,) = boundary.take()
        names.append((asked.name, asked.event.get("Inference-Id")))
        event = world.act(asked)
        world.worker(event)
    assert names == [
        ("text-to-image", None),
        ("endpoint", f"{job_id}-shape-1"),
        ("endpoint", f"{job_id}-paint-1"),
        ("glb-to-vox", None),
    ]
    job = world.job(job_id)
    assert job.state is State.SUCCEEDED
    assert list(job.timings) == [step.value for step in Step]
    assert all(end is not None and end >= start for start, end in job.timings.values())
    assert job.result is not None
    assert job.result["blocks"] == 1234


def test_what_is_asked_for_keeps_the_contracts(world: World, boundary: Boundary) -> None:
    job_id = world.add(
        prompt="a duck",
        anchor=(1, 2, 3),
        palette="greyscale",
        exclude=("stone",),
        size=77,
        world="flat_nether",
    )
    folder = f"s3://{world.bucket}/jobs/{job_id}/"
    world.sweep()
    (image,) = boundary.take()
    task = ImageTask.from_event(image.event)
    seed, attempt = world.job(job_id).seed, f"{job_id}-image-1"
    assert task == ImageTask(job_id, "a duck", seed, f"{folder}image.png", attempt_id=attempt)
    world.worker(world.act(image))
    requests = []
    for _ in range(2):
        (inference,) = boundary.take()
        key = inference.event["InputLocation"].split("/", 3)[3]
        body = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
        requests.append(InvocationRequest.model_validate_json(body))
        assert inference.event["RequestTTLSeconds"] == "3600"
        assert inference.event["InvocationTimeoutSeconds"] == "1800"
        world.worker(world.act(inference))
    assert [request.stage for request in requests] == [Stage.SHAPE, Stage.PAINT]
    assert requests[0].outputs() == {"shape": f"{folder}shape.glb"}
    assert requests[1].outputs() == {"textured": f"{folder}textured.glb"}
    assert requests[1].shape_s3 == f"{folder}shape.glb"
    assert {request.params.seed for request in requests} == {task.seed}
    (voxels,) = boundary.take()
    assert VoxelTask.from_event(voxels.event) == VoxelTask(
        *(job_id, f"{folder}textured.glb", folder),
        BuildOptions(size=77, palette="greyscale", exclude=("stone",)),
        anchor={"x": 1, "y": 2, "z": 3},
        attempt_id=f"{job_id}-voxels-1",
        dimension="minecraft:the_nether",
    )


def test_a_content_filters_refusal_reaches_the_player_in_its_words(world: World) -> None:
    world.outcomes["image"].append(FILTERED)
    job_id = world.add()
    world.sweep()
    world.run()
    reply = get(job_id).json
    assert reply["status"] == "FAILED"
    assert reply["error"] == FILTERED.message
    assert reply["errorCode"] == "content_filtered"
    assert reply["progressStage"] == "failed"


@pytest.mark.parametrize("code", ["out_of_gpu_memory", "worker_crashed"])
def test_a_paint_without_memory_leaves_a_build_of_the_shape_and_says_so(
    world: World, boundary: Boundary, code: str
) -> None:
    world.outcomes["paint"].extend([Container(code, retryable=True)] * 2)
    job_id = world.add()
    world.sweep()
    while "glb-to-vox" not in boundary.names():
        world.worker(world.act(boundary.asked.pop(0)))
    assert boundary.asked[0].event["glb_s3"].endswith("/shape.glb")
    world.run()
    reply = get(job_id).json
    assert reply["status"] == "SUCCEEDED"
    assert reply["notes"] == [SHAPE_ONLY_NOTE]
    assert reply["painted"] is False
    assert reply["texturedGlbS3"].endswith("/shape.glb")


def test_the_notices_507_alone_is_enough_for_that(world: World, boundary: Boundary) -> None:
    """An endpoint without a failure path leaves no object."""
    job_id = world.add()
    world.sweep()
    for _ in range(2):
        world.worker(world.act(boundary.asked.pop(0)))
    for _ in range(2):
        (asked,) = boundary.take()
        assert asked.event["Inference-Id"].startswith(f"{job_id}-paint-")
        world.worker(notice(asked, "ClientError: Received server error (507) from model. See the logs."))
    assert world.job(job_id).step is Step.VOXELS


def add_at(world: World, step: str) -> str:
    """A job whose steps before this one are done: their results are there."""
    job_id = world.add()
    for done, name in RESULTS.items():
        if done == step:
            break
        world.put(f"s3://{world.bucket}/jobs/{job_id}/{name}", b"x")
    return job_id


@pytest.mark.parametrize(
    ("step", "outcome", "attempts"),
    [
        ("image", StepFailure("throttled", "Wait.", retryable=True), 4),
        ("shape", Container("busy", retryable=True), 6),
        ("shape", Container("worker_crashed", retryable=True), 3),
        ("shape", "InternalFailure: invocation expired", 3),
        ("paint", Container("not_ready", retryable=True), 6),
        ("paint", Container("timeout", retryable=True), 2),
        ("voxels", StepFailure("storage", "Wait.", retryable=True), 3),
    ],
)
def test_what_may_pass_is_tried_again_a_few_times(
    world: World, step: str, outcome: Outcome, attempts: int
) -> None:
    world.outcomes[step].extend([outcome] * (attempts - 1))
    job_id = add_at(world, step)
    world.sweep()
    (job,) = world.run_to_the_end(job_id)
    assert job.state is State.SUCCEEDED
    world.outcomes[step].extend([outcome] * attempts)
    again = add_at(world, step)
    world.sweep()
    (job,) = world.run_to_the_end(again)
    assert (job.state, job.step, job.attempt) == (State.FAILED, step, attempts)
    assert job.error


@pytest.mark.parametrize("code", ["empty_subject", "invalid_image", "something_new"])
def test_what_does_not_pass_ends_the_job_at_once_in_words(world: World, code: str) -> None:
    world.outcomes["shape"].append(Container(code, message="Traceback: secret"))
    job_id = world.add()
    world.sweep()
    world.run()
    job = world.job(job_id)
    assert (job.state, job.attempt, job.error_code) == (State.FAILED, 1, code)
    assert job.error
    assert "Traceback" not in job.error


def test_the_player_is_told_in_words_of_each_error_that_the_container_has() -> None:
    ours = {"invalid_json", "invalid_request", "internal"}
    assert {code.value for code in ErrorCode} - set(MESSAGES) == ours


def test_a_step_that_never_ends_is_given_up_by_its_deadline(world: World, boundary: Boundary) -> None:
    job_id = world.add()
    world.sweep()
    for attempt in range(1, 5):
        assert world.job(job_id).attempt == attempt
        boundary.take()
        world.clock.ahead += 421
        world.sweep()
        world.clock.ahead += 181
        world.sweep()
    assert (world.job(job_id).state, world.job(job_id).error_code) == (State.FAILED, "deadline")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "ResourceNotFoundException", "not_set_up"),
        (403, "AccessDeniedException", "not_set_up"),
        (400, "TooManyRequestsException", None),
    ],
)
def test_a_function_that_cannot_be_called(
    world: World, boundary: Boundary, status: int, code: str, expected: str | None
) -> None:
    boundary.refuse["text-to-image"] = (status, code)
    job_id = world.add()
    world.sweep()
    assert world.job(job_id).error_code == expected
    if expected is None:
        boundary.refuse.clear()
        assert world.run_to_the_end(job_id)[0].state is State.SUCCEEDED


def test_an_uploaded_picture_is_what_the_image_step_is_given(world: World, boundary: Boundary) -> None:
    world.add(image_key="inputs/uploads/x", prompt="")
    world.sweep()
    assert boundary.asked[0].event["source_s3"] == f"s3://{world.bucket}/inputs/uploads/x"


def test_a_summary_that_cannot_be_read_fails_the_job(world: World) -> None:
    job_id = world.add()
    world.put(f"s3://{world.bucket}/jobs/{job_id}/voxels.json", b"{}")
    for name in ("image.png", "shape.glb", "textured.glb"):
        world.put(f"s3://{world.bucket}/jobs/{job_id}/{name}", b"x")
    world.sweep()
    assert (world.job(job_id).state, world.job(job_id).error_code) == (State.FAILED, "bad_result")


def test_the_seed_is_the_jobs_own_unless_one_is_given(world: World) -> None:
    first, second = world.job(world.add()), world.job(world.add())
    assert first.seed != second.seed
    assert 0 <= first.seed < 2**32
    assert world.job(world.add(seed=7)).seed == 7


STRANGE: list[object] = [
    {},
    [],
    "text",
    None,
    {"jobId": "../../etc"},
    {"jobId": 5},
    {"Records": "no"},
    {"Records": [None, 1, {"Sns": {"Message": "{"}}, {"Sns": {"Message": "[]"}}]},
    sns({"eventName": "TestNotification", "eventSource": "aws:sagemaker", "eventVersion": "1.0"}),
    sns({"inferenceId": "somebody-elses", "invocationStatus": "Completed", "requestParameters": {}}),
    sns({"inferenceId": "x", "requestParameters": {"inputLocation": "s3://b/async-input/y.json"}}),
    {"jobId": "0123456789ab"},
]


@pytest.mark.parametrize("event", STRANGE, ids=lambda event: json.dumps(event)[:40])
def test_events_that_are_not_ours_are_passed_over(world: World, event: object) -> None:
    world.worker(event)
    assert world.boundary.asked == []


def test_a_scheduled_event_is_a_sweep(world: World) -> None:
    job_id = world.add()
    world.worker({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
    assert world.job(job_id).state is State.RUNNING
