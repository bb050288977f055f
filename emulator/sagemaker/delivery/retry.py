"""Calls to AWS that are retried while it is unavailable; a refusal is raised at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import structlog
from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own, and not the built-in, is what is meant
    HTTPClientError,
    IncompleteReadError,
)
from urllib3.exceptions import HTTPError

from meshtwin.emulator.core.protocol.errors import UnavailableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_PASSING_CODES = frozenset({
    "InternalError",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
})  # fmt: skip
_LOST_CODES = frozenset({"NoSuchBucket", "NoSuchUpload", "NotFound"})
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501

_log = structlog.get_logger()


class ShuttingDownError(Exception):
    """The request is not to be worked on any more: the emulator closes, or the input is not needed."""


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed later: the service is away, slow or busy, rather than unwilling."""
    if type(error) is HTTPClientError:
        # Whatever else went wrong while the call was sent: a header that cannot be sent never can.
        cause = error.kwargs.get("error")
        return isinstance(cause, (OSError, HTTPError)) and not isinstance(cause, ValueError)
    if isinstance(error, (UnavailableError, ConnectionError, HTTPClientError, IncompleteReadError)):
        return True
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == _NOT_IMPLEMENTED:
        return False
    return status >= _SERVER_ERROR or error.response.get("Error", {}).get("Code") in _PASSING_CODES


def is_lost(error: Exception) -> bool:
    """Whether a bucket, an upload or a topic is missing, as in a store that has restarted empty."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _LOST_CODES


def retry_while_unavailable(
    stop: threading.Event, call: Callable[[], T], is_over: Callable[[Exception], bool] = lambda _: False
) -> T:
    """The result of a call to AWS, repeated with growing pauses for as long as the service is away.

    Blocks; the pauses are real time, as the outside world's are. Once `stop` is set the call is tried a last
    time, and ShuttingDownError is raised where it still fails. An error that will not pass, or of which
    `is_over` says so, is raised as it is.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return call()
        except Exception as error:
            if not is_passing(error) or is_over(error):
                raise
            if stop.is_set():
                raise ShuttingDownError from error
            _log.warning("waiting_for_aws", error=str(error), pause_seconds=pause)
        stop.wait(pause)
        pause = min(_LONGEST_PAUSE, pause * 2)


def retry_for(seconds: float, stop: threading.Event, call: Callable[[], T]) -> T:
    """As `retry_while_unavailable`, but raises the last error once so many real seconds have passed."""
    deadline = time.monotonic() + seconds
    return retry_while_unavailable(stop, call, lambda _: time.monotonic() >= deadline)


class Patience:
    """How long one object, or one item, is tried for which a store has nothing but its own errors.

    A store that is unavailable as a whole is tried for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def is_over(self, error: BaseException, works: Callable[[float], bool]) -> bool:
        """Whether to take the error for one that will not pass.

        It has been the store's own answer for so many real seconds, and the store `works` for others since
        then, by `time.monotonic`.
        """
        if not isinstance(error, ClientError):
            self._since = None  # nobody answered, whatever the object
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since >= self._seconds and works(self._since)
