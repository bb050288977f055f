"""Whose a container is, by the word on its label, and whether that process still runs."""

from __future__ import annotations

import re
import socket

from meshtwin.emulator.core.owner import host_of, is_certainly_gone, new_owner

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")


def this_process() -> str:
    """This process, as a word for a label."""
    return new_owner()


def is_alive(owner: str, containers: frozenset[str] = frozenset()) -> bool:
    """Whether the process that `owner` names still runs; True where that cannot be known.

    `containers` has the short ids of those that run: a process in one calls its host by that.
    """
    host = host_of(owner)
    if _CONTAINER_ID.fullmatch(host) and host != socket.gethostname():
        return host in containers
    return not is_certainly_gone(owner)
