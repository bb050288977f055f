"""HTTP clients, for services of this machine and for those of the Internet."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


def client(*, direct: bool, timeout: float) -> httpx.Client:
    """A client with `timeout` seconds for each step of a call.

    `direct` is for services of this machine: only http, and no proxies.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if direct else _authorities()
    return httpx.Client(verify=tls, trust_env=not direct, timeout=timeout)


@cache
def _authorities() -> ssl.SSLContext:
    """This machine's certificate authorities: reading them takes as long as the rest of a command."""
    return httpx.create_ssl_context()
