from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.meter import Metric, Statistics
from meshtwin.emulator.sagemaker.monitoring.alarms import parse_alarm
from meshtwin.emulator.sagemaker.monitoring.sample import (
    EndpointView,
    backlog_values,
    metered_values,
    unit_of,
)
from meshtwin.emulator.sagemaker.monitoring.series import Key, Series

KEY = Key("AWS/SageMaker", "M", (("EndpointName", "e"),))
ALARM = {
    "AlarmName": "a",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
    "Namespace": "AWS/SageMaker",
    "MetricName": "M",
    "Dimensions": [{"Name": "VariantName", "Value": "v"}, {"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def of(*values: float) -> Statistics:
    return Statistics(len(values), sum(values), min(values), max(values))


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=10))
def test_a_period_says_what_its_minutes_say_together(minutes: list[list[float]]) -> None:
    series = Series()
    for number, values in enumerate(minutes):
        series.put(KEY, 60 * number, of(*values))
    everything = [value for values in minutes for value in values]
    period = 60 * len(minutes)
    assert series.statistic(KEY, 0, period, "Sum") == pytest.approx(sum(everything), abs=1e-3)
    assert series.statistic(KEY, 0, period, "Minimum") == min(everything)
    assert series.statistic(KEY, 0, period, "Maximum") == max(everything)
    assert series.statistic(KEY, 0, period, "SampleCount") == len(everything)
    average = series.statistic(KEY, 0, period, "Average")
    assert average == pytest.approx(sum(everything) / len(everything), abs=1e-3)


def test_a_period_without_data_has_no_statistic() -> None:
    series = Series()
    series.put(KEY, 600, of(1.0))
    assert series.statistic(KEY, 540, 60, "Sum") is None
    assert series.statistic(KEY, 660, 60, "Sum") is None
    assert series.statistic(KEY, 600, 60, "Sum") == 1
    with pytest.raises(ValueError, match="p99"):
        series.statistic(KEY, 600, 60, "p99")


def test_no_more_is_kept_than_the_hours_that_alarms_look_at() -> None:
    series = Series(minutes=3)
    for minute in range(0, 600, 60):
        series.put(KEY, minute, of(1.0))
    assert series.statistic(KEY, 0, 600, "SampleCount") == 3


@pytest.mark.parametrize(
    ("queued", "running", "instances", "per_instance", "without"),
    [(0, 0, 0, 0.0, 0.0), (3, 0, 0, 3.0, 1.0), (3, 1, 2, 2.0, 0.0), (0, 1, 0, 1.0, 0.0)],
)
def test_the_backlog_is_what_waits_and_what_is_processed(
    queued: int, running: int, instances: int, per_instance: float, without: float
) -> None:
    view = EndpointView("e", "v", queued, running, 40.0 if queued else None, instances)
    found = {key.name: values.total for key, values in backlog_values(view, 100.0, at_zero=True).items()}
    assert found == {
        "ApproximateBacklogSize": queued + running,
        "ApproximateBacklogSizePerInstance": per_instance,
        "ApproximateAgeOfOldestRequest": 60.0 if queued else 0.0,
        "HasBacklogWithoutCapacity": without,
    }
    names = {key.name for key in backlog_values(view, 100.0, at_zero=False)}
    assert ("ApproximateBacklogSizePerInstance" in names) == (instances > 0)
    assert {key.dimensions for key in backlog_values(view, 100.0, at_zero=True)} == {(("EndpointName", "e"),)}


def test_what_is_metered_has_both_dimensions_and_a_name_that_can_be_set() -> None:
    taken = {
        ("e", Metric.PROCESSED): of(1.0),
        ("e", Metric.EXPIRED): of(1.0),
        ("gone", Metric.EXPIRED): of(1),
    }
    found = metered_values(taken, {"e": "v"}, "InvocationsProcesssed")
    both = (("EndpointName", "e"), ("VariantName", "v"))
    assert set(found) == {
        Key("AWS/SageMaker", "InvocationsProcesssed", both),
        Key("AWS/SageMaker", "ExpiredRequests", both),
    }


def test_units_are_those_of_the_page() -> None:
    assert unit_of("ApproximateBacklogSize") == "Count"
    assert unit_of("ApproximateAgeOfOldestRequest") == "Seconds"
    assert unit_of("ModelLatency") == "Microseconds"
    assert unit_of("TimeInBacklog") == "Milliseconds"
    assert unit_of("CPUUtilization") == "Percent"


def test_an_alarm_finds_its_metric_whatever_the_order_of_its_dimensions() -> None:
    alarm = parse_alarm(ALARM)
    assert alarm is not None
    assert alarm.key.dimensions == (("EndpointName", "e"), ("VariantName", "v"))
    assert (alarm.rule.periods, alarm.rule.needed) == (3, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"Statistic": None, "ExtendedStatistic": "p99"},
        {"MetricName": None, "Metrics": [{"Id": "m", "Expression": "1"}]},
        {"ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold"},
    ],
)
def test_what_can_not_be_judged_is_left_alone(change: dict[str, object]) -> None:
    document = {name: value for name, value in {**ALARM, **change}.items() if value is not None}
    assert parse_alarm(document) is None
