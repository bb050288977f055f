"""Turns the AWS SDK's errors into this project's, with the command that renews credentials."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore import exceptions as sdk

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

AWS_ERRORS = (sdk.BotoCoreError, sdk.ClientError, Boto3Error)
"""All errors of a call to AWS: the SDK's own, and AWS's."""

_EXPIRED = frozenset({
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId",
    "UnrecognizedClientException",
})  # fmt: skip
_NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.LoginError,
)
_RENEW = (
    "AWS does not accept these credentials, or there are none: `aws sso login` or `aws login` renews them, "
    "or export new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
)
_SERVER_ERROR = 500
_THROTTLED = 429


def error_code(error: Exception) -> str:
    """AWS's error code; empty where AWS did not respond."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_transient(error: Exception) -> bool:
    """Whether a retry may succeed: there was no response, or AWS had an internal error or throttled."""
    if isinstance(error, sdk.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= _SERVER_ERROR or status == _THROTTLED or "Throttl" in error_code(error)
    return isinstance(error, sdk.HTTPClientError | sdk.ConnectionError | sdk.IncompleteReadError)


def unavailable(error: Exception, what: str = "") -> UnavailableError:
    """The error as a message that begins with `what`, and says how to renew credentials that are refused."""
    message = f"{what}: {error}" if what else str(error)
    if isinstance(error, _NO_CREDENTIALS) or error_code(error) in _EXPIRED:
        message = f"{message}\n{_RENEW}"
    return UnavailableError(message)


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raise the SDK's errors in the block as UnavailableError."""
    try:
        yield
    except AWS_ERRORS as error:
        raise unavailable(error, what) from error
