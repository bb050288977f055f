"""The local profile's compose project, ports and URLs."""

from __future__ import annotations

import os
import socket
import uuid

from localstack_client.config import parse_localstack_host

from meshtwin.cloud.errors import UsageError

PROJECT = "meshtwin"
EMULATOR_PORT = 8470
"""compose.yaml's default; `meshtwin up` takes a free port by default."""


def project_name() -> str:
    """The compose project of `meshtwin up`: COMPOSE_PROJECT_NAME, else `meshtwin`."""
    return os.environ.get("COMPOSE_PROJECT_NAME") or PROJECT


def new_project() -> str:
    """A new, unique project name."""
    return f"{PROJECT}-{uuid.uuid4().hex[:8]}"


def localstack_port() -> int:
    """LocalStack's port on this machine: that of LOCALSTACK_HOST, else LOCALSTACK_PORT, else 4566.

    Raises:
        UsageError: one of them is invalid, or names another machine, where nothing can be started.
    """
    host, port = _localstack_host()
    if not _is_here(host):
        raise UsageError(
            f"LOCALSTACK_HOST={os.environ['LOCALSTACK_HOST']!r} is not this machine, and `meshtwin up` "
            "starts LocalStack here: `unset LOCALSTACK_HOST`, or set it to localhost:PORT"
        )
    return port


def localstack_url(port: int) -> str:
    """LocalStack's URL for SDKs on this machine, with the host of LOCALSTACK_HOST."""
    host, _ = _localstack_host()
    return f"http://{host}:{port}"


def emulator_port() -> int:
    """The port that compose.yaml publishes the emulator at: EMULATOR_PORT, else 8470."""
    return _port("EMULATOR_PORT", EMULATOR_PORT)


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _localstack_host() -> tuple[str, int]:
    given = os.environ.get("LOCALSTACK_HOST", "")
    default = _port("LOCALSTACK_PORT", 4566)
    try:
        host, port = parse_localstack_host(given if ":" in given else f"{given}:{default}")
    except RuntimeError as error:
        raise UsageError(
            f"LOCALSTACK_HOST={given!r}: expected a name and a port, as localhost:4566"
        ) from error
    return str(host), int(port)


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise UsageError(f"{variable}={text!r}: expected a port, 1 to 65535")
    return int(text)


def _is_here(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(address[4][0] in ("127.0.0.1", "::1") for address in found)
