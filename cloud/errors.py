"""What can go wrong between a person and an endpoint, and the exit code that tells a script which.

CloudError                     1  anything else with a way out
|-- UsageError                 2  the request itself makes no sense
|-- JobFailedError             3  the container or the service refused or failed the job
|-- JobExpiredError            4  it waited in the queue longer than its time to live
|-- JobTimedOutError           5  it ran longer than its invocation timeout
|-- NotYetError                6  it has not ended within the time this caller was willing to wait
`-- UnavailableError           7  the endpoint, or the profile's services, cannot be reached or are not there
"""

from __future__ import annotations

from typing import ClassVar


class CloudError(Exception):
    """The root: `exit_code` is the command's."""

    exit_code: ClassVar[int] = 1


class UsageError(CloudError):
    """The request itself makes no sense."""

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
    """The job has not ended within the time this caller was willing to wait; it goes on."""

    exit_code = 6


class UnavailableError(CloudError):
    """The endpoint, or the profile's services, cannot be reached or are not there."""

    exit_code = 7
