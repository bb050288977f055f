"""Authorization by bearer token.

A token is in API_TOKEN, or in the SSM parameter that API_TOKEN_PARAMETER names. Either may hold two,
separated by a comma or white space, while callers change from one to the other.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft.api.errors import ApiError
from meshtwin.minecraft.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_ssm import SSMClient

    from meshtwin.minecraft.jobs.table import Clock
    from meshtwin.minecraft.settings import AuthSettings

CACHE_SECONDS = 300.0
MAX_TOKENS = 2

_OPEN = "1"


class ParameterCache:
    """Values of SSM parameters, read again after CACHE_SECONDS."""

    def __init__(self, client: Callable[[], SSMClient], clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> str:
        """The value; the cached one where SSM does not answer."""
        now = self._clock()
        cached = self._known.get(name)
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        try:
            answer = self._client().get_parameter(Name=name, WithDecryption=True)
        except (BotoCoreError, ClientError) as error:
            log("token_not_read", parameter=name, reason=str(error))
            if cached is None:
                raise _unset() from error
            return cached[1]
        value = answer["Parameter"]["Value"]
        self._known[name] = (now, value)
        return value


def authorize(headers: Mapping[str, str], settings: AuthSettings, parameters: ParameterCache) -> None:
    """Check the caller's token.

    Raises:
        ApiError: 401 for a wrong or missing token, 503 where no token is configured.
    """
    if settings.allow_unauthenticated_requests == _OPEN:
        return
    tokens = _tokens(settings, parameters)
    if not tokens or len(tokens) > MAX_TOKENS:
        log("no_token_configured", count=len(tokens))
        raise _unset()
    scheme, _, given = headers.get("authorization", "").partition(" ")
    # Every token is compared, each in constant time, so that timing reveals nothing.
    matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens]
    if scheme.lower() != "bearer" or not any(matches):
        raise ApiError(401, "unauthorized", "The token is missing or wrong: set apiToken to the server's.")


def _tokens(settings: AuthSettings, parameters: ParameterCache) -> list[str]:
    text = settings.api_token
    if not text and settings.api_token_parameter:
        text = parameters.get(settings.api_token_parameter)
    return text.replace(",", " ").split()


def _unset() -> ApiError:
    message = "The build service has no token configured, so nobody may use it. Tell the server's operator."
    return ApiError(503, "not_configured", message)
