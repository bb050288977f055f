"""The errors of the command line and the Python API, with their exit codes.

CloudError                     1  any other error; the message has the fix
|-- UsageError                 2  the request is invalid
|-- JobFailedError             3  the container or the service refused or failed the job
|-- JobExpiredError            4  it waited in the queue longer than its time to live
|-- JobTimedOutError           5  it ran longer than its invocation timeout
|-- NotYetError                6  it is not finished within the caller's timeout
`-- UnavailableError           7  the endpoint, or the profile's services, cannot be reached or do not exist
"""

from __future__ import annotations

from typing import ClassVar


class CloudError(Exception):
    """The root: `exit_code` is the command's."""

    exit_code: ClassVar[int] = 1


class UsageError(CloudError):
    """The request is invalid."""

    exit_code = 2


class JobFailedError(CloudError):
    """The container or the service failed the job; `code` is the contract's where the container answered."""

    exit_code = 3

    def __init__(self, message: str, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class JobExpiredError(CloudError):
    """The job waited in the queue longer than its time to live."""

    exit_code = 4


class JobTimedOutError(CloudError):
    """The job ran longer than its invocation timeout."""

    exit_code = 5


class NotYetError(CloudError):
    """The job is not finished within the caller's timeout, and continues."""

    exit_code = 6


class UnavailableError(CloudError):
    """The endpoint, or the profile's services, cannot be reached or do not exist."""

    exit_code = 7
