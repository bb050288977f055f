"""The record of an asynchronous event that was given up, as a function that is its destination gets it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from meshtwin.emulator.lambda_.results import Call, InvocationResult

Condition = Literal["RetriesExhausted", "EventAgeExceeded"]


def failure_record(
    arn: str, call: Call, condition: Condition, *, attempts: int, last: InvocationResult | None, now: float
) -> dict[str, Any]:
    """The record. What it has of a response is the last attempt's; without one, the record has none."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "requestContext": {
            "requestId": call.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(call.payload),
    }
    if last is None:
        return record
    return record | {
        "responseContext": {
            "statusCode": HTTPStatus.OK,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": json.loads(last.payload),
    }
