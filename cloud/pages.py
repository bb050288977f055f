"""The emulator's own pages, `/_emulator`, for what AWS has no operation for."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from meshtwin.cloud.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

EMULATOR_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER"
KEY_VARIABLE = "AWS_ACCESS_KEY_ID"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""An emulator is reached without a proxy, whatever the shell has."""

_CLIENT_ERRORS = range(400, 500)


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
        given = {name: value for name, value in query.items() if value is not None}
        url = f"{self.url}/_emulator{quote(path)}" + (f"?{urlencode(given)}" if given else "")
        body = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  # the profile's own URL
        try:
            with _DIRECT.open(request, timeout=90) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            words = _words(error.read())
            if error.code in _CLIENT_ERRORS:
                raise UsageError(words) from None
            raise UnavailableError(words) from None
        except OSError as error:
            raise UnavailableError(f"the emulator at {self.url} does not answer: {error}") from error


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
