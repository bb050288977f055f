"""The process that something belongs to, as a name by which can be found later whether it has ended.

    host:pid:start:namespace:nonce

`start` is when the process began, which tells it from a later one of its id; `namespace` is that of its id:
in another one, as in a container that has its host's name, the same id is another process.
"""

from __future__ import annotations

import os
import re
import socket
import uuid
from pathlib import Path
from typing import NamedTuple

import psutil

_START = re.compile(r"[0-9]+\.[0-9]{2}")
_SAME_START = 2.0
"""Seconds by which two readings of a start may differ."""


def new_owner() -> str:
    """A name for this process, another one at each call."""
    start = psutil.Process().create_time()
    nonce = uuid.uuid4().hex[:8]
    return f"{socket.gethostname()}:{os.getpid()}:{start:.2f}:{_namespace()}:{nonce}"


def host_of(owner: str) -> str:
    """The host name of the process that `owner` names."""
    return owner.split(":", 1)[0]


def is_certainly_gone(owner: str) -> bool:
    """Whether the process that `owner` names ran on this host and has ended.

    False where that cannot be known, as for another host or another namespace of process ids. A zombie has
    ended, though nobody has asked how.
    """
    return _is_running(owner) is False


def is_certainly_running(owner: str) -> bool:
    """Whether the process that `owner` names runs on this host. False where that cannot be known."""
    return _is_running(owner) is True


def _is_running(owner: str) -> bool | None:
    """None where it cannot be known."""
    parts = _parts(owner)
    if parts is None or parts.host != socket.gethostname() or parts.namespace not in {"", _namespace()}:
        return None
    try:
        process = psutil.Process(parts.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if parts.start is None:
            return None
        return abs(process.create_time() - parts.start) < _SAME_START
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None


def is_older(owner: str, moment: float) -> bool:
    """Whether the process that `owner` names began before `moment`, in seconds since the epoch."""
    parts = _parts(owner)
    return parts is not None and parts.start is not None and moment - parts.start >= _SAME_START


class _Parts(NamedTuple):
    host: str
    pid: int
    start: float | None
    namespace: str


def _parts(owner: str) -> _Parts | None:
    """What `owner` says; shorter ones, as of earlier versions, say less."""
    host, pid, start, namespace, *_ = [*owner.split(":"), "", "", "", ""]
    if not pid.isdecimal():
        return None
    return _Parts(host, int(pid), float(start) if _START.fullmatch(start) else None, namespace)


def _namespace() -> str:
    """The namespace of this process's id, empty where the system has none."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""
