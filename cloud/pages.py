"""The emulator's own pages, `/_emulator`, for what AWS has no operation for."""

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
    """The emulator at `url`, for whoever has its access key."""

    url: str
    key: str

    def ask(self, path: str, document: object = None, *, method: str | None = None, **query: object) -> Any:  # noqa: ANN401  # a page's JSON
        """A page's JSON document; posted to where `document` is given. Nothing asked takes over a minute.

        Raises:
            UsageError: the page refuses, in its words.
            UnavailableError: nobody answers.
        """
        # A tenth of a second of imports, for those commands alone that ask.
        import httpx  # noqa: PLC0415

        from meshtwin.cloud.web import client  # noqa: PLC0415

        verb = method or ("GET" if document is None else "POST")
        given: Any = {name: value for name, value in query.items() if value is not None}
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            with client(direct=True, timeout=90) as http:
                url = f"{self.url}/_emulator{quote(path)}"
                answer = http.request(verb, url, params=given, json=document, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the emulator at {self.url} does not answer: {error}") from error
        if answer.is_client_error:
            raise UsageError(_words(answer.content))
        if not answer.is_success:
            raise UnavailableError(_words(answer.content))
        return answer.json()


def browser_page(environment: Mapping[str, str]) -> str | None:
    """The address of the page for a browser in a stack's settings, None where it has no emulator.

    The key stands behind the `#`, which a browser sends to nobody.
    """
    url = environment.get(EMULATOR_VARIABLE)
    return f"{url}/_emulator/ui#key={environment.get(KEY_VARIABLE, '')}" if url else None


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
