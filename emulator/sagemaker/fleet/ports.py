"""Free TCP ports for containers that share one host."""

from __future__ import annotations

import random
import socket
import threading

_FIRST, _END = 20_000, 32_000
"""Below the range from which systems take ports for outgoing connections (32768 up on Linux)."""

BLOCK = 10
"""Ports an instance gets: the first to bind to, all of them as its safe range."""

_STRIDE = BLOCK + 1
"""A block, and behind it the port that marks it as taken."""


class Ports:
    """Hands out blocks of `BLOCK` ports, none twice at a time, also beside other emulators of this host.

    A port that is free when it is checked may be another emulator's a moment later, as containers bind
    theirs only once they run. So a block belongs to the process that has bound the port behind it, without
    listening on it; the system releases that when the process ends, however it ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: dict[int, socket.socket] = {}
        # Emulators side by side start at different ports.
        self._next = random.SystemRandom().randrange(_FIRST, _END - _STRIDE, _STRIDE)

    def take(self) -> int:
        """The first port of a block of which all are free now. OSError where there is none."""
        with self._lock:
            for _ in range((_END - _FIRST) // _STRIDE):
                first = self._next
                self._next = first + _STRIDE if first + 2 * _STRIDE <= _END else _FIRST
                mark = None if first in self._marks else _bound(first + BLOCK)
                if mark is None:
                    continue
                if all(_is_free(first + n) for n in range(BLOCK)):
                    self._marks[first] = mark
                    return first
                mark.close()
        raise OSError(f"no {BLOCK} free TCP ports in a row between {_FIRST} and {_END}")

    def give_back(self, first: int) -> None:
        """Let the block be used again."""
        with self._lock:
            mark = self._marks.pop(first, None)
        if mark is not None:
            mark.close()


def _is_free(port: int) -> bool:
    probe = _bound(port, socket.SO_REUSEADDR)
    if probe is None:
        return False
    probe.close()
    return True


def _bound(port: int, *options: int) -> socket.socket | None:
    """A socket at the port, None where it is not free."""
    bound = socket.socket()
    try:
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        return None
    return bound
