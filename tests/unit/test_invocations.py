"""What InvokeEndpointAsync makes of its parameters."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.locations import S3Location
from meshtwin.emulator.core.protocol.operations import RequestContext
from meshtwin.emulator.sagemaker.delivery.notices import End, build_notice
from meshtwin.emulator.sagemaker.queue.request import State
from meshtwin.emulator.sagemaker.runtime_api.service import Invocations
from meshtwin.emulator.sagemaker.runtime_api.targets import InvocationTarget, InvocationTargets
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointAsyncInputTypeDef

    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest


class Queue:
    def __init__(self) -> None:
        self.accepted: list[AsyncRequest] = []

    async def accept(self, request: AsyncRequest) -> None:
        self.accepted.append(request)


class Endpoint:
    def find(self, _name: str) -> InvocationTarget:
        return InvocationTarget(is_async=True, output=S3Location("out", "p"), failure=None)


@pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html"
)
@pytest.mark.parametrize(
    "location",
    ["s3://in/key", "https://in.s3.us-east-1.amazonaws.com/key", "https://s3.amazonaws.com/in/key"],
)
def test_a_notice_has_the_input_location_that_its_caller_gave(location: str) -> None:
    queue = Queue()
    targets: Any = Endpoint()
    invocations = Invocations(
        cast("InvocationTargets", targets),
        queue,
        manual_clock(),
        Settings(),
        Faults(),
        "https://s3.amazonaws.com",
    )
    params: InvokeEndpointAsyncInputTypeDef = {"EndpointName": "demo", "InputLocation": location}
    asyncio.run(invocations.invoke_endpoint_async(RequestContext("id", "InvokeEndpointAsync"), params))
    notice = json.loads(build_notice(queue.accepted[0], End(State.COMPLETED, 0.0, "text/plain"), "us-east-1"))
    assert notice["requestParameters"]["inputLocation"] == location
