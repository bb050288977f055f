"""Keeps pages of other origins, and names that were rebound, from what listens on this machine.

A browser lets any page send simple requests to 127.0.0.1 and adds the page's `Origin`; a page whose own name
was pointed here (DNS rebinding) sends that name as `Host`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from emulator.admin.answers import refused

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope


class Names(Protocol):
    """By which names a server may be called."""

    @property
    def host(self) -> str:
        """The one that it listens on."""
        ...

    @property
    def allowed_hosts(self) -> str:
        """More of them, parted by blanks."""
        ...


class Guard:
    """Looks at each request's headers; most have none of those that matter."""

    def __init__(self, settings: Names) -> None:
        self._hosts = frozenset({"localhost", settings.host.lower(), *settings.allowed_hosts.lower().split()})

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not to be served, None for all others."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin")
        if origin is not None and not _is_same(origin.decode("latin-1").lower(), host):
            return refused(
                403,
                "ForeignOrigin",
                f"a page of {origin.decode('latin-1')} may not use this emulator: only its own pages may",
            )
        if headers.get(b"sec-fetch-site") == b"cross-site":
            return refused(403, "ForeignOrigin", "a page of another site may not use this emulator")
        if not self._is_known(host):
            return refused(
                403,
                "UnknownHost",
                f"Host {host!r} is no name of this emulator: use its address, or allow the name with the "
                "setting allowed_hosts",
            )
        return None

    def _is_known(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.endswith(".localhost")
        return True


def _is_same(origin: str, host: str) -> bool:
    return urlsplit(origin).netloc == host
