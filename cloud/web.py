"""HTTP of our own: a client for services of this machine, and one for those of the Internet."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


def client(*, direct: bool, timeout: float) -> httpx.Client:
    """A client with `timeout` seconds for each step of a call.

    `direct` is for services of this machine: by http alone, and past the proxies that the environment names.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if direct else _authorities()
    return httpx.Client(verify=tls, trust_env=not direct, timeout=timeout)


@cache
def _authorities() -> ssl.SSLContext:
    """Those that this machine trusts: to read them takes as long as all else that a command does."""
    return httpx.create_ssl_context()
