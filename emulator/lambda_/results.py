"""What became of an invocation, and the forms of the errors that are Lambda's own.

The forms were seen on AWS: https://github.com/floci-io/floci/issues/3314.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

REQUEST_LIMIT = 6_291_456
"""Bytes of a synchronous request: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

EVENT_LIMIT = 1_048_576
"""Bytes of an asynchronous one; same page."""

RESPONSE_LIMIT = REQUEST_LIMIT + 100
"""Bytes of a result: https://zaccharles.medium.com/deep-dive-lambdas-request-payload-size-limit-2-2-6350c1ae5577"""

_SIGNALLED = 128
_NAMES = {"SIGKILL": "killed", "SIGTERM": "terminated", "SIGSEGV": "segmentation fault", "SIGABRT": "aborted"}


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation. `payload` is JSON."""

    request_id: str
    payload: bytes
    client_context: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result or, where `failed`, the error, as JSON; and the end of the log."""

    payload: bytes
    failed: bool = False
    log: bytes = b""
    status: str | None = None
    """`timeout` or `error`, as in the log's last line, where the process did not live through it."""


def _error(kind: str, message: str, status: str | None = None) -> InvocationResult:
    document = {"errorType": kind, "errorMessage": message}
    return InvocationResult(json.dumps(document).encode(), failed=True, status=status)


def timed_out(request_id: str, timeout: float) -> InvocationResult:
    """The function took longer than it may."""
    message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
    return _error("Sandbox.Timedout", message, "timeout")


def out_of_memory(request_id: str) -> InvocationResult:
    """The function had more memory than it may, and was killed."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return _error("Runtime.ExitError", message, "error")


def exited(request_id: str, status: int) -> InvocationResult:
    """The process ended with an exit status, 128 + n for signal n, and no answer."""
    return _error("Runtime.ExitError", f"RequestId: {request_id} Error: {exit_words(status)}", "error")


def exit_words(status: int) -> str:
    """How a process ended, in Lambda's text."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status - _SIGNALLED in set(signal.Signals):
        name = signal.Signals(status - _SIGNALLED).name
        return f"Runtime exited with error: signal: {_NAMES.get(name, name)}"
    return f"Runtime exited with error: exit status {status}"


def too_large(size: int) -> InvocationResult:
    """The result is larger than a result may be."""
    allowed = f"maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
    message = f"Response payload size ({size} bytes) exceeded {allowed}"
    return _error("Function.ResponseSizeTooLarge", message)
