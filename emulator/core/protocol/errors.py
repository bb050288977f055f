"""What an operation may answer instead of a result.

ServiceError            any refusal: code, message, HTTP status
├── ValidationFailedError   the request breaks constraints of the model or of the service
├── SerializationError      the request cannot be read
├── UnknownOperationError   the operation is not served here
├── UnknownKeyError         the request is not signed with the access key that the server requires
└── UnavailableError        the store that the service needs is unavailable
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ServiceError(Exception):
    """A refusal, as the client will see it. A `code` that the service's model declares brings its status."""

    code = "InternalFailure"
    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = HTTPStatus(status)


class ValidationFailedError(ServiceError):
    """`ValidationError` of the runtime, `ValidationException` of the control plane: the service decides."""

    code = "ValidationException"
    status = HTTPStatus.BAD_REQUEST


class SerializationError(ServiceError):
    """The bytes sent do not have the form that the protocol or the member's type requires."""

    code = "SerializationException"
    status = HTTPStatus.BAD_REQUEST


class UnknownOperationError(ServiceError):
    """Neither the path nor X-Amz-Target names an operation that is served."""

    code = "UnknownOperationException"
    status = HTTPStatus.BAD_REQUEST


class UnknownKeyError(ServiceError):
    """AWS's own error for an access key that it does not know, with its message and what to do here.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
    """

    code = "UnrecognizedClientException"
    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(
            "The security token included in the request is invalid: this server requires the "
            "AWS_ACCESS_KEY_ID of its own run, which `meshtwin up` printed."
        )


class UnavailableError(ServiceError):
    """A retry may help: the store does not answer."""

    code = "ServiceUnavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


def constraint_violations(violations: Sequence[str]) -> ValidationFailedError:
    """One error for all that is wrong with a request, worded as AWS's services word it.

    The template was captured at https://github.com/aws/aws-sdk-js/issues/4203; AWS does not guarantee it.
    """
    noun = "error" if len(violations) == 1 else "errors"
    return ValidationFailedError(f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
