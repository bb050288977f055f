"""Each step's retries and timeout, and the order of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshtwin.minecraft.jobs.job import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER = tuple(Step)

GRACE_SECONDS = 300.0
"""How long the endpoint may take beyond its own limits to report a timeout."""


class StepPolicy(NamedTuple):
    """At most `attempts` of `seconds` each, with `pauses` between them, the last pause repeated."""

    attempts: int
    seconds: float
    pauses: tuple[float, ...] = (0.0,)

    def pause_after(self, attempt: int) -> float:
        """Seconds between an attempt, counted from 1, and the next."""
        return self.pauses[min(attempt, len(self.pauses)) - 1]


PASSING = StepPolicy(6, 0.0, (10.0, 30.0, 60.0, 120.0))
"""For failures that pass by themselves, such as a container whose worker starts: a GPU's takes a minute."""


def policies(
    *, image_seconds: float, endpoint_seconds: float, voxel_seconds: float
) -> Mapping[Step, StepPolicy]:
    """The policy of each step, but for `PASSING` failures. A crash is retried at once."""
    endpoint = StepPolicy(3, endpoint_seconds, (0.0, 60.0))
    return {
        Step.IMAGE: StepPolicy(4, image_seconds, (20.0, 60.0, 180.0)),
        Step.SHAPE: endpoint,
        Step.PAINT: StepPolicy(2, endpoint_seconds, (0.0,)),
        Step.VOXELS: StepPolicy(3, voxel_seconds, (0.0, 60.0)),
    }


def after(step: Step) -> Step:
    """The step that follows."""
    return ORDER[ORDER.index(step) + 1]
