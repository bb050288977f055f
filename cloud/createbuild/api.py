"""A client of the build API: submit a prompt, read its status, cancel it, fetch its files."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from meshtwin.cloud.errors import CloudError, UnavailableError, UsageError
from meshtwin.cloud.files import atomic_path
from meshtwin.cloud.profiles import API_TOKEN_VARIABLE
from meshtwin.cloud.web import client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT = 60.0
_NO_ENCODING = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class BuildApi:
    """The API at `url`, with its bearer token; `direct` where no proxy leads to it."""

    url: str
    token: str
    direct: bool = False

    def submit(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /build`: the job that was accepted.

        Raises:
            UsageError: the API rejects the request, with its message.
            UnavailableError: it cannot be reached, or rejects the token.
        """
        return self._call("POST", "/build", document)

    def status(self, job_id: str) -> dict[str, Any]:
        """`GET /build/status/{jobId}`: the job's status."""
        return self._call("GET", f"/build/status/{quote(job_id, safe='')}")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """`DELETE /build/{jobId}`: the job, cancelled unless it had ended."""
        return self._call("DELETE", f"/build/{quote(job_id, safe='')}")

    def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url, headers = f"{self.url}{path}", {"Authorization": f"Bearer {self.token}"}
        try:
            with client(direct=self.direct, timeout=_TIMEOUT) as http:
                answer = http.request(method, url, json=document, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the build API does not answer at {self.url}: {error}") from error
        if not answer.is_success:
            raise _refusal(answer, f"{method} {url}")
        try:
            body: dict[str, Any] = answer.json()
        except ValueError as error:
            raise UnavailableError(f"{method} {url}: expected JSON, not {answer.text[:80]!r}") from error
        return body

    def fetch(self, url: str, path: Path) -> None:
        """Download a presigned URL of a response into a file, atomically.

        Raises:
            UnavailableError: it cannot be downloaded.
            OSError: the file cannot be written.
        """
        try:
            with (
                client(direct=self.direct, timeout=_TIMEOUT) as http,
                http.stream("GET", url, headers=_NO_ENCODING, follow_redirects=True) as answer,
                atomic_path(path) as partial,
                partial.open("wb") as file,
            ):
                answer.raise_for_status()
                file.writelines(answer.iter_raw())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"{path.name} cannot be fetched: {error}") from error


def _refusal(answer: httpx.Response, what: str) -> CloudError:
    try:
        words = str(answer.json().get("error") or answer.json().get("message") or answer.text)
    except (ValueError, AttributeError):
        words = answer.text
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return UnavailableError(f"the build API refuses the token of {API_TOKEN_VARIABLE}: {words}")
    if answer.is_client_error:
        return UsageError(words)
    return UnavailableError(f"{what}: {answer.status_code} {words}")
