"""Invokes a function without waiting for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def invoke_event(functions: LambdaClient, function: str, event: dict[str, Any]) -> None:
    """Invoke the function asynchronously with the event."""
    functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
