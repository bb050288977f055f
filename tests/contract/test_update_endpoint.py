"""UpdateEndpoint and UpdateEndpointWeightsAndCapacities: what changes, what is kept, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import make_endpoint, refusal, status_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Made, Running

DESCRIBE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"
UPDATE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html"
OPERATOR = "https://github.com/aws/amazon-sagemaker-operator-for-k8s"

pytestmark = pytest.mark.operation("UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "DescribeEndpoint")


@pytest.fixture
def made(sagemaker: SageMakerClient, moto_url: str, name: str) -> Made:
    return make_endpoint(sagemaker, moto_url, name)


def variant_of(sagemaker: SageMakerClient, name: str) -> Any:
    return sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]


def another_config(sagemaker: SageMakerClient, made: Made, suffix: str, image: str, **variant: Any) -> str:
    """A configuration like the endpoint's own, of a model with another image."""
    name = f"{made.name}-{suffix}"
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": image})
    given: Any = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.g5.2xlarge"}
    chosen: Any = {"InitialInstanceCount": 1, **given, **variant}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[chosen],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{made.bucket}/{suffix}"}},
    )
    return name


def settled(sagemaker: SageMakerClient, name: str) -> str:
    def look() -> str:
        status = status_of(sagemaker, name)
        return status if status in {"InService", "Failed"} else ""

    return str(wait_until(look, 30))


def rescale(sagemaker: SageMakerClient, name: str, **wanted: Any) -> None:
    capacity: Any = {"VariantName": "v", **wanted}
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[capacity]
    )


@pytest.mark.operation("UpdateEndpoint", "DescribeEndpoint")
@pytest.mark.documented(UPDATE)
def test_an_update_brings_the_new_configuration(
    sagemaker: SageMakerClient, runtime: SageMakerRuntimeClient, made: Made
) -> None:
    config = another_config(sagemaker, made, "second", "another-echo", InitialInstanceCount=2)
    answer = sagemaker.update_endpoint(EndpointName=made.name, EndpointConfigName=config)
    assert answer["EndpointArn"].endswith(f"endpoint/{made.name}")
    assert settled(sagemaker, made.name) == "InService"
    described = sagemaker.describe_endpoint(EndpointName=made.name)
    assert described["EndpointConfigName"] == config
    variant = described["ProductionVariants"][0]
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "another-echo"
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    located = runtime.invoke_endpoint_async(EndpointName=made.name, Body=b"x")["OutputLocation"]
    assert located.startswith(f"s3://{made.bucket}/second/")


@pytest.mark.operation("UpdateEndpoint")
@pytest.mark.documented(UPDATE)
def test_retained_properties_survive_an_update(sagemaker: SageMakerClient, made: Made) -> None:
    rescale(sagemaker, made.name, DesiredInstanceCount=2, DesiredWeight=0.5)
    assert settled(sagemaker, made.name) == "InService"
    config = another_config(sagemaker, made, "second", "echo")
    sagemaker.update_endpoint(
        EndpointName=made.name, EndpointConfigName=config, RetainAllVariantProperties=True
    )
    assert settled(sagemaker, made.name) == "InService"
    variant = variant_of(sagemaker, made.name)
    assert (variant["DesiredInstanceCount"], variant["DesiredWeight"]) == (2, 0.5)
    sagemaker.update_endpoint(
        EndpointName=made.name,
        EndpointConfigName=made.name,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    assert settled(sagemaker, made.name) == "InService"
    variant = variant_of(sagemaker, made.name)
    assert (variant["DesiredInstanceCount"], variant["DesiredWeight"]) == (1, 0.5)


@pytest.mark.operation("UpdateEndpointWeightsAndCapacities", "DescribeEndpoint")
@pytest.mark.documented(DESCRIBE)
def test_a_change_of_capacity_moves_what_is_desired_at_once(sagemaker: SageMakerClient, made: Made) -> None:
    rescale(sagemaker, made.name, DesiredInstanceCount=2)
    assert variant_of(sagemaker, made.name)["DesiredInstanceCount"] == 2
    assert settled(sagemaker, made.name) == "InService"
    assert variant_of(sagemaker, made.name)["CurrentInstanceCount"] == 2
    rescale(sagemaker, made.name, DesiredInstanceCount=0)
    assert settled(sagemaker, made.name) == "InService"
    assert variant_of(sagemaker, made.name)["CurrentInstanceCount"] == 0


@pytest.mark.operation("UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "DeleteEndpoint")
@pytest.mark.field_report(OPERATOR)
def test_what_changes_can_not_be_changed(emulator: Running, sagemaker: SageMakerClient, made: Made) -> None:
    wanted = {"VariantName": "v", "DesiredInstanceCount": 3}
    params = {"EndpointName": made.name, "DesiredWeightsAndCapacities": [wanted]}
    assert emulator.call("UpdateEndpointWeightsAndCapacities", params).status == 200
    for call in (
        lambda: rescale(sagemaker, made.name, DesiredInstanceCount=1),
        lambda: sagemaker.update_endpoint(EndpointName=made.name, EndpointConfigName=made.name),
        lambda: sagemaker.delete_endpoint(EndpointName=made.name),
    ):
        assert refusal(call)["Message"].startswith("Cannot update in-progress endpoint")
    assert settled(sagemaker, made.name) == "InService"


@pytest.mark.operation("UpdateEndpointWeightsAndCapacities")
@pytest.mark.field_report("https://github.com/getmoto/moto/pull/5082")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["other"], 'The variant name(s) "other" is/are not present within endpoint configuration "{}".'),
        (["v", "v"], 'The variant name "v" was non-unique within the request.'),
    ],
)
def test_variants_that_are_not_there_or_there_twice_are_named(
    sagemaker: SageMakerClient, endpoint: Made, names: list[str], words: str
) -> None:
    wanted: Any = [{"VariantName": name, "DesiredInstanceCount": 1} for name in names]
    found = refusal(
        lambda: sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint.name, DesiredWeightsAndCapacities=wanted
        )
    )
    assert found["Message"] == words.format(endpoint.name)


@pytest.mark.operation("UpdateEndpoint")
@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/pull/3124")
def test_an_update_can_not_take_the_asynchronous_configuration_away(
    sagemaker: SageMakerClient, endpoint: Made
) -> None:
    name = f"{endpoint.name}-real-time"
    given = {"VariantName": "v", "ModelName": endpoint.name, "InstanceType": "ml.g5.2xlarge"}
    variant: Any = {**given, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    found = refusal(lambda: sagemaker.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=name))
    assert found["Message"].startswith(
        f"The AsyncInferenceConfig parameter cannot be removed from this endpoint {endpoint.name}. "
    )
    sagemaker.delete_endpoint_config(EndpointConfigName=name)


@pytest.mark.operation("UpdateEndpoint")
@pytest.mark.field_report("https://github.com/aws/amazon-sagemaker-operator-for-k8s")
@pytest.mark.parametrize("missing", ["endpoint", "configuration"])
def test_what_is_not_there_is_not_updated(
    sagemaker: SageMakerClient, endpoint: Made, name: str, missing: str
) -> None:
    target = name if missing == "endpoint" else endpoint.name
    found = refusal(lambda: sagemaker.update_endpoint(EndpointName=target, EndpointConfigName=name))
    assert found["Message"].startswith("Could not find endpoint")
