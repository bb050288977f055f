"""Protects a container that listens on loopback from web pages of other origins and from DNS rebinding.

A browser lets any page send simple requests to 127.0.0.1 and adds the page's `Origin`; a page whose own name
was pointed here (DNS rebinding) sends that name as `Host`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Middleware that passes permitted requests on; `refuse` makes the response to all others."""

    def __init__(self, app: ASGIApp, refuse: Callable[[str], Response]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        reason = refusal(dict(scope["headers"])) if scope["type"] == "http" else None
        await (self._app if reason is None else self._refuse(reason))(scope, receive, send)


def refusal(headers: dict[bytes, bytes]) -> str | None:
    """Why a request with these headers is refused; None where it is not."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    try:
        if origin and urlsplit(origin).netloc != host:
            return f"a page of {origin} may not use this container"
        if headers.get(b"sec-fetch-site") == b"cross-site":
            return "a page of another site may not use this container"
        if not _is_ours(urlsplit(f"//{host}").hostname or ""):
            return f"Host {host!r}: expected localhost or an address, as the container listens on loopback"
    except ValueError as error:
        return f"Host {host!r}, Origin {origin!r}: {error}"
    return None


def _is_ours(name: str) -> bool:
    """Whether the name cannot be rebound: no public name ends like this, or has no dot."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".internal"))
    return True
