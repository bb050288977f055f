"""How long scaling takes, in words."""

from __future__ import annotations

import pytest

from meshtwin.cloud.scaling import Timing, duration, in_words

TIMING = Timing(idle=900, wake=120)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(900, "15 minutes"), (120, "2 minutes"), (90, "90 s"), (15, "15 s"), (2, "2 s"), (0.94, "0.9 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_clock_that_runs_races_or_stands() -> None:
    slow, fast = in_words(TIMING, 1), in_words(TIMING, 60)
    assert "within 15 minutes without work; one that was woken, as soon as its cooldown of 5 minutes" in slow
    assert "A request then waits about 2 minutes" in slow
    assert (
        "within 15 s without work at --speed 60; one that was woken, as soon as its cooldown of 5 s" in fast
    )
    assert "A request then waits about 2 s" in fast
    assert "stands still" in in_words(TIMING, 0)
