"""The one edge at which the SDK's errors become this project's: in words, with what renews credentials."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore import exceptions as sdk

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

AWS_ERRORS = (sdk.BotoCoreError, sdk.ClientError, Boto3Error)
"""All that boto3 raises on its way to AWS, and of what AWS answers."""

_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.LoginError,
)
_RENEW = (
    "AWS does not take these credentials, or there are none: `aws sso login` or `aws login` renews them; or "
    "export AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew"
)
_PASSING_STATUS = 500
_THROTTLED = 429


def error_code(error: Exception) -> str:
    """AWS's code for what it refused; empty where the request did not get that far."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_passing(error: Exception) -> bool:
    """Whether the same call may work in a while: nobody answered, or AWS has trouble of its own."""
    if isinstance(error, sdk.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= _PASSING_STATUS or status == _THROTTLED or "Throttl" in error_code(error)
    return isinstance(error, sdk.HTTPClientError | sdk.ConnectionError | sdk.IncompleteReadError)


def unavailable(error: Exception, what: str = "") -> UnavailableError:
    """The error for a person: it begins with `what`, and says how to renew credentials that are refused."""
    words = f"{what}: {error}" if what else str(error)
    if isinstance(error, _NO_CREDENTIALS) or error_code(error) in _EXPIRED:
        words = f"{words}\n{_RENEW}"
    return UnavailableError(words)


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """What the SDK raises in the block is UnavailableError outside of it."""
    try:
        yield
    except AWS_ERRORS as error:
        raise unavailable(error, what) from error
