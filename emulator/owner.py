"""Which emulator process something belongs to, and whether that process is certainly gone."""

from __future__ import annotations

import os
import socket
import uuid


def new_owner() -> str:
    """A name for this emulator process: `host:pid:nonce`."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def host_of(owner: str) -> str:
    """The host name of the process that `owner` names."""
    return owner.split(":", 1)[0]


def is_certainly_gone(owner: str) -> bool:
    """Whether the process named by `owner` ran on this host and has ended.

    False where that cannot be known, as for another host or a process id in use again: the lease decides
    then.
    """
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal():
        return False
    pid = int(rest)
    if pid == os.getpid():
        # A restarted container has its host name and process id again; the nonce tells the processes apart.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
