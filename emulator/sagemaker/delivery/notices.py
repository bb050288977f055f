"""SNS notices of ended requests, field by field and in the order that was captured from SageMaker. Pure.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.clock import iso_millis
from meshtwin.emulator.sagemaker.queue.request import State

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.spec import Notifications
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

MAX_BODY_BYTES = 128 * 1024
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceNotificationConfig.html"""

_BODY_MESSAGE = "Check S3 path location(if configured) or Cloudwatch for additional details."


@dataclass(frozen=True, slots=True)
class End:
    """What a notice says of a request's end. `body` only where it is to be included."""

    state: State
    at: float
    content_type: str | None
    reason: str | None = None
    body: bytes | None = None


def topic_for(notifications: Notifications, state: State) -> tuple[str | None, bool]:
    """Which topic hears of this end, and whether with the response's body."""
    if state is State.COMPLETED:
        return notifications.success_topic, "SUCCESS_NOTIFICATION_TOPIC" in notifications.include_response_in
    return notifications.error_topic, "ERROR_NOTIFICATION_TOPIC" in notifications.include_response_in


def build_notice(request: AsyncRequest, end: End, region: str) -> str:
    """The compact JSON that SageMaker publishes."""
    is_completed = end.state is State.COMPLETED
    notice: dict[str, Any] = {
        "awsRegion": region,
        "eventTime": iso_millis(end.at),
        "receivedTime": iso_millis(request.received_at),
        "invocationStatus": "Completed" if is_completed else "Failed",
    }
    if not is_completed:
        notice["failureReason"] = end.reason
    notice["requestParameters"] = _given(
        accept=request.accept,
        contentType=request.content_type,
        customAttributes=request.custom_attributes,
        endpointName=request.endpoint_name,
        inputLocation=request.input_location,
    )
    if is_completed:
        notice["responseParameters"] = _given(
            contentType=end.content_type, outputLocation=request.output_location
        )
    if end.body is not None and len(end.body) <= MAX_BODY_BYTES:
        notice["responseBody"] = {
            "content": base64.b64encode(end.body).decode(),
            "message": _BODY_MESSAGE,
            "encoding": "BASE64",
        }
    notice["inferenceId"] = request.inference_id
    notice["eventVersion"] = "1.0"
    notice["eventSource"] = "aws:sagemaker"
    notice["eventName"] = "InferenceResult"
    return json.dumps(notice, separators=(",", ":"), ensure_ascii=False)


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
