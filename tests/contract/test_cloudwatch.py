"""The profile's own CloudWatch, as far as metrics and alarms of endpoints need it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudwatch import CloudWatchClient

pytestmark = pytest.mark.botocore_model


@pytest.fixture
def cloudwatch(moto_url: str) -> Iterator[CloudWatchClient]:
    # In the shared emulator's region a state that is set by hand lasts no longer than the minute.
    made = client("cloudwatch", moto_url, "eu-north-1")
    yield made
    made.close()


@pytest.mark.operation("PutMetricAlarm", "DescribeAlarms", "SetAlarmState", "DeleteAlarms")
def test_an_alarm_is_kept_set_and_deleted(cloudwatch: CloudWatchClient, name: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="ApproximateBacklogSize",
        Dimensions=[{"Name": "EndpointName", "Value": name}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["Threshold"]) == (3, 2, 5.0)
    assert alarm["TreatMissingData"] == "notBreaching"
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="as asked")
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name], StateValue="ALARM")["MetricAlarms"]
    assert alarm["StateReason"] == "as asked"
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


@pytest.mark.operation("PutMetricData", "GetMetricStatistics", "GetMetricData", "ListMetrics")
def test_datapoints_are_read_back(cloudwatch: CloudWatchClient, name: str) -> None:
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    metric: Any = {"MetricName": "Sum", "Dimensions": [{"Name": "Test", "Value": name}]}
    values = {"SampleCount": 3, "Sum": 6, "Minimum": 1, "Maximum": 3}
    datum: Any = {**metric, "Timestamp": now, "StatisticValues": values, "Unit": "Count"}
    cloudwatch.put_metric_data(Namespace="Meshtwin/Contract", MetricData=[datum])
    window: Any = {"StartTime": now - dt.timedelta(hours=1), "EndTime": now + dt.timedelta(hours=1)}
    [point] = cloudwatch.get_metric_statistics(
        Namespace="Meshtwin/Contract", Period=60, Statistics=["Average", "Maximum"], **metric, **window
    )["Datapoints"]
    assert (point["Average"], point["Maximum"], point["Unit"]) == (2.0, 3.0, "Count")
    query: Any = {"Metric": {"Namespace": "Meshtwin/Contract", **metric}, "Period": 60, "Stat": "Sum"}
    [result] = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "q", "MetricStat": query}], **window)[
        "MetricDataResults"
    ]
    assert result["Values"] == [6.0]
    listed = cloudwatch.list_metrics(Namespace="Meshtwin/Contract", MetricName="Sum")["Metrics"]
    assert metric["Dimensions"] in [found["Dimensions"] for found in listed]
