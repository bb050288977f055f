"""The build API as a client sees it: hand a prompt in, ask how it is, call it off, fetch what came of it."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from meshtwin.cloud.errors import CloudError, UnavailableError, UsageError
from meshtwin.cloud.profiles import API_TOKEN_VARIABLE
from meshtwin.cloud.whole import whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class BuildApi:
    """The API at `url`, with its bearer token; `direct` where no proxy leads to it."""

    url: str
    token: str
    direct: bool = False

    def submit(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /build`: the job that was accepted.

        Raises:
            UsageError: the API refuses what was asked for, in its words.
            UnavailableError: it cannot be reached, or refuses the token.
        """
        return self._call("POST", "/build", document)

    def status(self, job_id: str) -> dict[str, Any]:
        """`GET /build/status/{jobId}`: how the job is."""
        return self._call("GET", f"/build/status/{quote(job_id, safe='')}")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """`DELETE /build/{jobId}`: the job, called off unless it had ended."""
        return self._call("DELETE", f"/build/{quote(job_id, safe='')}")

    def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  # the profile's own API
            f"{self.url}{path}",
            data=None if document is None else json.dumps(document).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with self._opener().open(request, timeout=_TIMEOUT) as answer:
                body: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise _refusal(error, f"{method} {self.url}{path}") from error
        except OSError as error:
            raise UnavailableError(f"the build API does not answer at {self.url}: {error}") from error
        return body

    def fetch(self, url: str, path: Path) -> None:
        """Bring what a presigned URL of an answer leads to into a file, whole or not at all."""
        try:
            with (
                self._opener().open(url, timeout=_TIMEOUT) as answer,
                whole(path) as partial,
                partial.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except OSError as error:
            raise UnavailableError(f"{path.name} cannot be fetched: {error}") from error

    def _opener(self) -> urllib.request.OpenerDirector:
        return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if self.direct else []))


def _refusal(error: urllib.error.HTTPError, what: str) -> CloudError:
    text = error.read().decode("utf-8", errors="replace")
    try:
        words = str(json.loads(text).get("error") or json.loads(text).get("message") or text)
    except (ValueError, AttributeError):
        words = text
    if error.code == HTTPStatus.UNAUTHORIZED:
        return UnavailableError(f"the build API refuses the token of {API_TOKEN_VARIABLE}: {words}")
    if HTTPStatus.BAD_REQUEST <= error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return UsageError(words)
    return UnavailableError(f"{what}: {error.code} {words}")
