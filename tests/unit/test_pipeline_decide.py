"""What the step machine decides, for any row and any sight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.contract import StepFailure
from meshtwin.minecraft.jobs.job import Job, Step
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.pipeline import messages
from meshtwin.minecraft.pipeline.decide import Call, Fail, Finish, Next, Observation, Retry, Wait, decide
from meshtwin.minecraft.pipeline.policy import PASSING, policies
from meshtwin.minecraft.request import BuildRequest

POLICIES = policies(image_seconds=300, endpoint_seconds=5700, voxel_seconds=1000)
NOW = 1000.0

failures = st.builds(
    StepFailure,
    st.sampled_from(["out_of_gpu_memory", "worker_crashed", "busy", "content_filtered"]),
    st.just("words"),
    st.booleans(),
)
times = st.none() | st.floats(0, 2000)
jobs = st.builds(
    Job,
    st.just("0123456789ab"),
    st.just(BuildRequest("a cat")),
    state=st.just(State.RUNNING),
    step=st.sampled_from(Step),
    attempt=st.integers(1, 6),
    called_at=times,
    retry_at=times,
    deadline=times,
    painted=st.sampled_from([0, 1]),
)


@given(jobs)
def test_what_is_done_is_gone_on_with(job: Job) -> None:
    action = decide(job, Observation(done=True, result={}), NOW, POLICIES)
    if job.step is Step.VOXELS:
        assert isinstance(action, Finish)
    else:
        assert isinstance(action, Next)
        assert list(Step).index(action.step) == list(Step).index(job.step or Step.IMAGE) + 1
        assert action.painted == bool(job.painted)


@given(jobs, failures)
def test_a_failure_is_tried_again_no_more_often_than_its_step_may(job: Job, failure: StepFailure) -> None:
    assert job.step is not None
    action = decide(job, Observation(failure=failure), NOW, POLICIES)
    if isinstance(action, Retry):
        assert failure.retryable
        patience = PASSING if failure.code in messages.PASSING else POLICIES[job.step]
        assert job.attempt < patience.attempts
        assert action.at >= NOW + (failure.code in messages.PASSING)
    elif isinstance(action, Next):
        assert (job.step, action.step, action.painted) == (Step.PAINT, Step.VOXELS, False)
        assert failure.code in ("out_of_gpu_memory", "worker_crashed")
        assert action.note
    else:
        assert isinstance(action, Fail)


@given(jobs)
def test_nothing_is_handed_out_twice_or_too_early_or_waited_for_beyond_its_deadline(job: Job) -> None:
    action = decide(job, Observation(), NOW, POLICIES)
    if isinstance(action, Call):
        assert job.called_at is None
        assert job.retry_at is None or job.retry_at <= NOW
    elif isinstance(action, Wait):
        early = job.called_at is None and job.retry_at is not None and job.retry_at > NOW
        at_work = job.called_at is not None and (job.deadline is None or job.deadline > NOW)
        assert early or at_work
    else:
        assert job.called_at is not None
        assert job.deadline is not None
        assert job.deadline <= NOW
