"""List*: order, filters and pages; and the tags of resources."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sagemaker import SageMakerClient

    from tests.support.emulator import Made


pytestmark = pytest.mark.operation(
    "ListModels", "ListEndpointConfigs", "ListEndpoints", "AddTags", "DeleteTags", "ListTags"
)


@pytest.fixture
def three(sagemaker: SageMakerClient, name: str) -> Iterator[list[str]]:
    """Names of three models, in the order of their creation, which is not that of their names."""
    names = [f"{name}-{letter}" for letter in "bac"]
    for each in names:
        sagemaker.create_model(ModelName=each, PrimaryContainer={"Image": "i"})
    yield names
    for each in names:
        sagemaker.delete_model(ModelName=each)


@pytest.mark.operation("ListModels", "ListEndpointConfigs", "ListEndpoints")
@pytest.mark.botocore_model
@pytest.mark.parametrize(
    ("params", "order"),
    [
        ({}, [2, 1, 0]),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, [1, 0, 2]),
        ({"SortBy": "Name"}, [2, 0, 1]),
        ({"SortOrder": "Ascending"}, [0, 1, 2]),
        ({"SortBy": "CreationTime"}, [2, 1, 0]),
    ],
)
def test_lists_are_sorted(
    sagemaker: SageMakerClient, three: list[str], params: dict[str, Any], order: list[int]
) -> None:
    wanted = [three[place] for place in order]
    found = sagemaker.list_models(NameContains=three[0][:-2], **params)["Models"]
    assert [model["ModelName"] for model in found] == wanted


@pytest.mark.operation("ListModels")
@pytest.mark.botocore_model
def test_lists_come_in_pages_that_stay_right_while_things_go(
    sagemaker: SageMakerClient, three: list[str]
) -> None:
    params: dict[str, Any] = {"NameContains": three[0][:-2], "SortBy": "Name", "MaxResults": 1}
    first = sagemaker.list_models(**params)
    assert first["Models"][0]["ModelName"] == three[2]
    sagemaker.delete_model(ModelName=three[2])
    second = sagemaker.list_models(**params, NextToken=first["NextToken"])
    assert second["Models"][0]["ModelName"] == three[0]
    third = sagemaker.list_models(**params, NextToken=second["NextToken"])
    assert third["Models"][0]["ModelName"] == three[1]
    assert "NextToken" not in dict(third)
    sagemaker.create_model(ModelName=three[2], PrimaryContainer={"Image": "i"})
    paginator = sagemaker.get_paginator("list_models")
    pages = paginator.paginate(NameContains=three[0][:-2], PaginationConfig={"PageSize": 2})
    assert len(list(pages)) == 2


@pytest.mark.operation("ListModels")
@pytest.mark.assumed
@pytest.mark.parametrize("token", ["nonsense", "bnVsbA==", "WyJOYW1lIiwgMS4wLCAiYSJd"])
def test_a_token_that_no_list_returned_is_refused(sagemaker: SageMakerClient, token: str) -> None:
    assert "NextToken" in refusal(lambda: sagemaker.list_models(NextToken=token))["Message"]


@pytest.mark.botocore_model
def test_lists_are_filtered_by_time_and_status(sagemaker: SageMakerClient, endpoint: Made) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    earlier = later - dt.timedelta(days=1)

    def names(**params: Any) -> list[str]:
        found = sagemaker.list_endpoints(NameContains=endpoint.name.upper(), **params)["Endpoints"]
        return [each["EndpointName"] for each in found]

    assert names(StatusEquals="InService", CreationTimeBefore=later, LastModifiedTimeAfter=earlier) == [
        endpoint.name
    ]
    assert names(StatusEquals="Failed") == []
    assert names(CreationTimeAfter=later) == []
    assert names(CreationTimeBefore=earlier) == []
    assert names(LastModifiedTimeBefore=earlier) == []
    assert names(SortBy="Status") == [endpoint.name]


@pytest.mark.operation("AddTags", "DeleteTags", "ListTags")
@pytest.mark.botocore_model
def test_tags_are_added_listed_and_deleted(sagemaker: SageMakerClient, name: str) -> None:
    created = sagemaker.create_model(
        ModelName=name, PrimaryContainer={"Image": "i"}, Tags=[{"Key": "Größe", "Value": ""}]
    )
    arn = created["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a", "absent"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "Größe", "Value": ""},
        {"Key": "b", "Value": "2"},
    ]
    many = [{"Key": str(number), "Value": ""} for number in range(49)]
    assert refusal(lambda: sagemaker.add_tags(ResourceArn=arn, Tags=many))  # type: ignore[arg-type]
    assert "Tags" not in dict(sagemaker.describe_model(ModelName=name))
