"""Whatever an operation answers, botocore's own parsers read it back whole."""

from __future__ import annotations

import datetime as dt
from typing import Any

import botocore.loaders
import pytest
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtwin.emulator.core.protocol.operations import JsonOperation, RequestContext, RestJsonOperation
from tests.support.shapes import valid

LOADER = botocore.loaders.Loader()
OPERATIONS = {
    "sagemaker": [
        *("CreateModel", "DescribeModel", "ListModels", "CreateEndpointConfig", "DescribeEndpointConfig"),
        *(
            "ListEndpointConfigs",
            "CreateEndpoint",
            "DescribeEndpoint",
            "ListEndpoints",
            "AddTags",
            "ListTags",
        ),
    ],
    "sagemaker-runtime": ["InvokeEndpointAsync"],
}
BUILDERS: dict[str, type[JsonOperation | RestJsonOperation]] = {
    "sagemaker": JsonOperation,
    "sagemaker-runtime": RestJsonOperation,
}
MODELS = {name: ServiceModel(LOADER.load_service_model(name, "service-2"), name) for name in OPERATIONS}


async def unused(_: RequestContext, params: dict[str, Any]) -> dict[str, Any]:
    return params


def as_parsed(shape: Shape, value: Any) -> Any:
    """What botocore makes of a value: moments instead of seconds."""
    if isinstance(shape, StructureShape):
        return {name: as_parsed(shape.members[name], item) for name, item in value.items()}
    if isinstance(shape, ListShape):
        return [as_parsed(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: as_parsed(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return dt.datetime.fromtimestamp(value, dt.UTC)
    return value


@pytest.mark.parametrize(
    ("service", "name"), [(service, name) for service, names in OPERATIONS.items() for name in names]
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=st.data())
def test_no_member_of_an_answer_is_lost(service: str, name: str, data: st.DataObject) -> None:
    model = MODELS[service].operation_model(name)
    assert model.output_shape is not None
    result = data.draw(valid(model.output_shape))
    response = BUILDERS[service](model, unused).render(result)
    parsed = create_parser(MODELS[service].metadata["protocol"]).parse(
        {
            "status_code": response.status,
            "headers": {key.decode(): value.decode() for key, value in response.headers},
            "body": response.body,
        },
        model.output_shape,
    )
    del parsed["ResponseMetadata"]
    assert parsed == as_parsed(model.output_shape, result)
