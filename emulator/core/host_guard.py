"""Keeps pages of other origins, and names that were rebound, from what listens on this machine.

A browser lets any page send simple requests to 127.0.0.1 and adds the page's `Origin`; a page whose own name
was pointed here (DNS rebinding) sends that name as `Host`. Knows neither ASGI nor WSGI: each server hands its
headers in, and answers with the refusal in its own way.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.core.settings import ProgramSettings

HEAD_BYTES = 64 * 1024
"""A request's line and headers together, that any server here reads. AWS's services take less."""

HEAD_SECONDS = 30.0
"""From a connection, or the first byte of a further request, to the end of its headers. Real seconds."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served."""

    code: str
    message: str
    status: int = 403


KEY_REQUIRED = Refusal(
    "AccessKeyRequired",
    "this server requires its access key: open the link that `meshtwin up` or `meshtwin status` shows, or "
    "send the header `Authorization: Bearer` with the AWS_ACCESS_KEY_ID that `meshtwin up` printed",
    401,
)
"""The refusal on our own pages; operations of AWS have an error of AWS's."""


class Guard:
    """Checks each request's headers: in Host, the settings' `host` and `allowed_hosts` are accepted."""

    def __init__(self, settings: ProgramSettings) -> None:
        self._hosts = frozenset({"localhost", settings.host.lower(), *settings.allowed_hosts.lower().split()})

    def refusal(self, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Why a request is not to be served, None for one that is. Header names are in lower case."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin")
        if origin is not None and not _is_same(origin.decode("latin-1").lower(), host):
            shown = origin.decode("latin-1")
            return Refusal("ForeignOrigin", f"a page of {shown} may not use this server: only its own may")
        if headers.get(b"sec-fetch-site") == b"cross-site":
            return Refusal("ForeignOrigin", "a page of another site may not use this server")
        if not self._is_known(host):
            return Refusal(
                "UnknownHost",
                f"Host {host!r} is not a name of this server: use its address, or allow the name with the "
                "setting allowed_hosts",
            )
        return None

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # such as "[": not a name of anything
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.endswith(".localhost")
        return True


def _is_same(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False
