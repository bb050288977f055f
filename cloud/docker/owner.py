"""Which process something belongs to, as a word that can be put on a label and looked at later."""

from __future__ import annotations

import os
import re
import socket

import psutil

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")
_SAME_START = 2.0
"""Seconds by which two readings of one process's start may differ."""


def this_process() -> str:
    """`host:pid:start` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_alive(owner: str, containers: frozenset[str] = frozenset()) -> bool:
    """Whether the process that `owner` names still runs; True where that cannot be known.

    `containers` has the short ids of those that run: a process in one calls its host by that.
    """
    host, pid, start = _parts(owner)
    if _CONTAINER_ID.fullmatch(host) and host != socket.gethostname():
        return host in containers
    if host != socket.gethostname():
        return True  # another machine that uses the same engine
    try:
        return abs(psutil.Process(pid).create_time() - start) < _SAME_START
    except psutil.NoSuchProcess:
        return False


def _parts(owner: str) -> tuple[str, int, float]:
    host, _, rest = owner.partition(":")
    pid, _, start = rest.partition(":")
    try:
        return host, int(pid), float(start)
    except ValueError:
        return "", 0, 0.0
