"""The process that owns a container or a state file, and whether it still runs."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import psutil

from meshtwin.emulator.core.owner import host_of, is_certainly_gone, is_older

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")


def is_alive(owner: str, containers: Mapping[str, float] | None = None) -> bool:
    """Whether the process that `owner` names still runs; True where that cannot be known.

    `containers` has the start of each running container, in seconds since the epoch, by its short id, which
    is the host name of the processes in it. A process older than its container belongs to an earlier run.
    """
    host = host_of(owner)
    if not _CONTAINER_ID.fullmatch(host):
        return not is_certainly_gone(owner)
    if host == socket.gethostname():
        # The first process of this container began with it.
        return not is_certainly_gone(owner) and not is_older(owner, psutil.Process(1).create_time())
    began = (containers or {}).get(host)
    return began is not None and not is_older(owner, began)
