from __future__ import annotations

import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from urllib3 import HTTPResponse

from meshtwin.emulator.core.store_probe import StoreProbe
from meshtwin.emulator.sagemaker.delivery.objects import Objects
from meshtwin.emulator.sagemaker.delivery.payload import IN_MEMORY, Payload

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


@pytest.mark.parametrize(("length", "asks_first"), [(3, False), (IN_MEMORY, False), (IN_MEMORY + 1, True)])
def test_only_large_results_ask_before_they_are_sent(length: int, asks_first: bool) -> None:
    sent: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(BytesIO(), preload_content=False))

    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    objects = Objects(s3, StoreProbe())
    s3.meta.events.register("before-send.s3.PutObject", answer)  # type: ignore[arg-type]  # it may answer
    payload = Payload(bytes(length), length, "text/plain")
    objects.write("s3://bucket/key", payload, metadata={}, kms_key_id=None, stop=threading.Event())
    s3.close()
    assert [request.headers.get("Expect") is not None for request in sent] == [asks_first]
