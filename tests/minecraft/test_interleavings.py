"""Whatever happens in whatever order: no state follows that may not, and each job ends once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtwin.minecraft.contract import StepFailure
from meshtwin.minecraft.jobs.cancel import cancel
from meshtwin.minecraft.jobs.states import ACTIVE, ENDS, TRANSITIONS, State
from tests.support.build_jobs import Container

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job
    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World

EVENTS = (
    *("add", "add", "sweep", "act", "act", "act", "act and lose", "act twice", "cancel", "later"),
    *("image fails", "shape fails", "paint has no room", "wake any"),
)
STEPS = st.lists(st.sampled_from(EVENTS), min_size=5, max_size=25)

REACHED = {
    State.QUEUED: set(State),
    State.STARTING: {State.STARTING, State.RUNNING, *ENDS},
    State.RUNNING: {State.RUNNING, *ENDS},
    **{state: {state} for state in ENDS},
}
"""What may be seen after each state, with some time between the looks."""


def test_what_may_be_reached_is_what_the_transitions_lead_to() -> None:
    for state, following in TRANSITIONS.items():
        assert REACHED[state] == {state}.union(*(REACHED[one] for one in following))


@pytest.mark.parametrize("world", [1, 2], indirect=True)
@pytest.mark.timeout(300)
def test_any_order_of_events(world: World, boundary: Boundary) -> None:
    @settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=STEPS, choice=st.randoms(use_true_random=False))
    def play(steps: list[str], choice: object) -> None:
        run = _Play(world, boundary)
        for step in steps:
            run.do(step, getattr(choice, "choice"))  # noqa: B009  # hypothesis's Random has no type
            run.check()
        world.outcomes.clear()
        world.run_to_the_end(*run.seen)
        run.check()
        assert next(world.table.active(), None) is None
        assert all(lease.job is None for lease in world.leases.all())

    play()


class _Play:
    def __init__(self, world: World, boundary: Boundary) -> None:
        self.world = world
        self.boundary = boundary
        self.seen: dict[str, Job] = {}

    def do(self, step: str, choose: object) -> None:
        assert callable(choose)
        world = self.world
        if step == "add":
            job_id = world.add()
            self.seen[job_id] = world.job(job_id)
        elif step == "sweep":
            world.sweep()
        elif step == "later":
            world.clock.ahead += 200
        elif step == "image fails":
            world.outcomes["image"].append(StepFailure("x", "words", choose([True, False])))
        elif step == "shape fails":
            world.outcomes["shape"].append(Container("busy", retryable=choose([True, False])))
        elif step == "paint has no room":
            world.outcomes["paint"].append(Container("out_of_gpu_memory", retryable=True))
        elif step.startswith("act") and self.boundary.asked:
            self._act(step, choose(range(len(self.boundary.asked))))
        elif step in ("cancel", "wake any") and self.seen:
            job_id = choose(list(self.seen))
            if step == "cancel":
                cancel(world.table, world.leases, job_id)
            else:
                world.wake(job_id)

    def _act(self, step: str, index: int) -> None:
        asked = self.boundary.asked.pop(index)
        if asked.name == "endpoint" and asked.event["InputLocation"].split("/", 3)[3] not in set(
            self.world.listed("async-input/")
        ):
            return  # withdrawn
        event = self.world.act(asked)
        for _ in range({"act": 1, "act and lose": 0, "act twice": 2}[step]):
            self.world.worker(event)

    def check(self) -> None:
        active = 0
        for job_id, before in self.seen.items():
            now = self.world.job(job_id)
            assert now.state in REACHED[before.state]
            assert now.fence >= before.fence
            assert before.ended_at is None or now == before
            active += now.state in ACTIVE
            self.seen[job_id] = now
        assert active <= self.world.leases.slots
        waiting = [job.ticket for job in self.seen.values() if job.state is State.QUEUED]
        begun = [job.ticket for job in self.seen.values() if job.state in ACTIVE]
        assert not waiting or not begun or max(begun) < min(waiting)
