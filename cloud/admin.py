"""The emulator's admin API, `/_emulator`: what AWS has no operation for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from meshtwin.cloud.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

EMULATOR_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER"
KEY_VARIABLE = "AWS_ACCESS_KEY_ID"


@dataclass(frozen=True, slots=True)
class Emulator:
    """The emulator at `url`, with its access key, empty where it requires none."""

    url: str
    key: str

    def request(
        self, path: str, document: object = None, *, method: str | None = None, **query: object
    ) -> Any:  # noqa: ANN401  # JSON
        """The JSON that `path` responds with; POST where `document` is given, by default GET.

        Raises:
            UsageError: the emulator refuses, with its message.
            UnavailableError: it does not respond.
        """
        # A tenth of a second of imports, which few commands need.
        import httpx  # noqa: PLC0415

        from meshtwin.cloud.web import client  # noqa: PLC0415

        verb = method or ("GET" if document is None else "POST")
        given: Any = {name: value for name, value in query.items() if value is not None}
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            with client(direct=True, timeout=90) as http:
                url = f"{self.url}/_emulator{quote(path)}"
                answer = http.request(verb, url, params=given, json=document, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the emulator at {self.url} does not answer: {error}") from error
        if answer.is_client_error:
            raise UsageError(_message(answer.content))
        if not answer.is_success:
            raise UnavailableError(_message(answer.content))
        return answer.json()


def browser_page(environment: Mapping[str, str]) -> str | None:
    """The address of the emulator's page for a browser; None where these settings have no emulator.

    The key is behind the `#`, which a browser sends to no server.
    """
    url = environment.get(EMULATOR_VARIABLE)
    return f"{url}/_emulator/ui#key={environment.get(KEY_VARIABLE, '')}" if url else None


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
