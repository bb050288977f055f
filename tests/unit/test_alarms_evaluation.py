"""Alarms judged on datapoints, by the tables of CloudWatch's own page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.monitoring.evaluate import (
    EXTRA,
    AlarmRule,
    AlarmState,
    Datapoint,
    Missing,
    judge,
)

RETAIN = None
OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
VALUES = {"0": 0.0, "X": 2.0, "-": None}


def points_of(pattern: str) -> list[Datapoint]:
    return [Datapoint(1_795_528_800 + 60 * place, VALUES[mark]) for place, mark in enumerate(pattern)]


def rule_of(periods: int = 3, needed: int = 3, missing: Missing = Missing.MISSING) -> AlarmRule:
    return AlarmRule("GreaterThanThreshold", 1.0, periods, needed, missing)


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: the state with
# missing, ignore, breaching and notBreaching.
TABLE: list[tuple[int, str, tuple[AlarmState | None, ...]]] = [
    (3, "0-X-X", (OK, OK, OK, OK)),
    (3, "0----", (OK, OK, OK, OK)),
    (3, "-----", (UNKNOWN, RETAIN, ALARM, OK)),
    (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
    (3, "--X--", (ALARM, RETAIN, ALARM, OK)),
    (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "0-X--", (OK, OK, ALARM, OK)),
    (2, "----0", (OK, OK, ALARM, OK)),
    (2, "---X-", (ALARM, RETAIN, ALARM, OK)),
]


@pytest.mark.parametrize(("needed", "pattern", "states"), TABLE)
@pytest.mark.parametrize("before", AlarmState)
def test_missing_data_is_treated_as_the_page_says(
    needed: int, pattern: str, states: tuple[AlarmState | None, ...], before: AlarmState
) -> None:
    treatments = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)
    for missing, expected in zip(treatments, states, strict=True):
        found = judge(rule_of(needed=needed, missing=missing), points_of(pattern), before)
        assert found.state is (before if expected is RETAIN else expected), missing


@pytest.mark.parametrize("pattern", ["----X", "---X-"])
def test_no_alarm_is_raised_early_on_data_that_comes_now_and_then(pattern: str) -> None:
    assert judge(rule_of(), points_of(pattern), OK).state is OK
    assert judge(rule_of(), points_of(pattern), UNKNOWN).state is UNKNOWN


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanOrEqualToThreshold", {5.0, 6.0}),
        ("GreaterThanThreshold", {6.0}),
        ("LessThanThreshold", {4.0}),
        ("LessThanOrEqualToThreshold", {4.0, 5.0}),
    ],
)
def test_each_comparison_knows_its_side(comparison: str, breaching: set[float]) -> None:
    rule = AlarmRule(comparison, 5.0, 1, 1)
    for value in (4.0, 5.0, 6.0):
        state = judge(rule, [Datapoint(0, value)], OK).state
        assert state is (ALARM if value in breaching else OK)


MARKS = st.text(alphabet="0X-", min_size=1, max_size=10)
SHAPES = st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@given(MARKS, SHAPES, st.sampled_from(Missing), st.sampled_from(AlarmState))
def test_with_enough_data_the_treatment_of_missing_data_does_not_matter(
    pattern: str, shape: tuple[int, int], missing: Missing, before: AlarmState
) -> None:
    periods, needed = shape
    real = [mark for mark in pattern[-(periods + EXTRA) :] if mark != "-"]
    if len(real) < periods:
        return
    expected = ALARM if real[-periods:].count("X") >= needed else OK
    assert judge(rule_of(periods, needed, missing), points_of(pattern), before).state is expected


@given(MARKS, SHAPES, st.sampled_from(Missing), st.sampled_from(AlarmState), st.data())
def test_a_worse_datapoint_never_ends_an_alarm(
    pattern: str, shape: tuple[int, int], missing: Missing, before: AlarmState, data: st.DataObject
) -> None:
    rule = rule_of(*shape, missing)
    place = data.draw(st.integers(0, len(pattern) - 1))
    if pattern[place] != "0" or judge(rule, points_of(pattern), before).state is not ALARM:
        return
    worse = pattern[:place] + "X" + pattern[place + 1 :]
    assert judge(rule, points_of(worse), ALARM).state is ALARM


@given(MARKS, SHAPES, st.sampled_from(Missing), st.sampled_from(AlarmState))
def test_judging_twice_changes_nothing(
    pattern: str, shape: tuple[int, int], missing: Missing, before: AlarmState
) -> None:
    rule, points = rule_of(*shape, missing), points_of(pattern)
    once = judge(rule, points, before).state
    assert judge(rule, points, once).state is once


def test_the_reason_is_worded_as_cloudwatch_words_it() -> None:
    rule = AlarmRule("GreaterThanOrEqualToThreshold", 1.0, 2, 2)
    points = [Datapoint(1_795_528_740, 1.0), Datapoint(1_795_528_800, 1.0)]
    assert judge(rule, points, OK).reason == (
        "Threshold Crossed: 2 out of the last 2 datapoints "
        "[1.0 (24/11/26 14:00:00), 1.0 (24/11/26 13:59:00)] were "
        "greater than or equal to the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    quiet = [Datapoint(1_795_528_740, 1.0), Datapoint(1_795_528_800, 0.0)]
    assert judge(rule, quiet, ALARM).reason == (
        "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (24/11/26 14:00:00)] "
        "was not greater than or equal to the threshold (1.0) "
        "(minimum 1 datapoint for ALARM -> OK transition)."
    )
    silent = replace(rule, missing=Missing.BREACHING)
    assert judge(silent, [], OK).reason == (
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated "
        "as [Breaching]."
    )
