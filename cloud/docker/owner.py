"""Which process something belongs to, as a word that can be put on a label and looked at later."""

from __future__ import annotations

import os
import re
import socket

import psutil

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")
_START = re.compile(r"[0-9]+\.[0-9]{2}")
_SAME_START = 2.0
"""Seconds by which two readings of one process's start may differ."""


def this_process() -> str:
    """`host:pid:start` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_alive(owner: str, containers: frozenset[str] = frozenset()) -> bool:
    """Whether the process that `owner` names still runs; True where that cannot be known.

    An emulator's label has a nonce in place of the start: whoever has its process id now is taken for it.
    `containers` has the short ids of those that run: a process in one calls its host by that.
    """
    host, pid, start = _parts(owner)
    if _CONTAINER_ID.fullmatch(host) and host != socket.gethostname():
        return host in containers
    if host != socket.gethostname():
        return True  # another machine that uses the same engine
    try:
        found = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return start is None or abs(found - start) < _SAME_START


def _parts(owner: str) -> tuple[str, int, float | None]:
    host, _, rest = owner.partition(":")
    pid, _, third = rest.partition(":")
    if not pid.isdecimal():
        return "", 0, None
    return host, int(pid), float(third) if _START.fullmatch(third) else None
