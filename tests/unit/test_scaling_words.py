"""How long scaling takes, in words."""

from __future__ import annotations

import pytest

from meshtwin.cloud.scaling import Timing, describe_timing, duration

TIMING = Timing(idle=900, wake=120)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(900, "15 minutes"), (120, "2 minutes"), (90, "90 s"), (15, "15 s"), (2, "2 s"), (0.94, "0.9 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_clock_that_runs_races_or_stands() -> None:
    slow, fast = describe_timing(TIMING, 1), describe_timing(TIMING, 60)
    assert "within 15 minutes without work; after a wake-up, as soon as its cooldown of 5 minutes" in slow
    assert "The next request then waits about 2 minutes" in slow
    assert "within 15 s without work at --speed 60; after a wake-up, as soon as its cooldown of 5 s" in fast
    assert "The next request then waits about 2 s" in fast
    assert "stands still" in describe_timing(TIMING, 0)
