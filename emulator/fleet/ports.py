"""Free TCP ports for containers that share one host."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import closing

_FIRST, _END = 20_000, 32_000
"""Below the range from which systems take ports for outgoing connections (32768 up on Linux)."""

BLOCK = 10
"""Ports an instance gets: the first to bind to, all of them as its safe range."""


class Ports:
    """Hands out blocks of `BLOCK` ports, none twice at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        # Emulators side by side start at different places.
        self._next = random.SystemRandom().randrange(_FIRST, _END, BLOCK)

    def take(self) -> int:
        """The first port of a block of which all are free now. OSError where there is none."""
        with self._lock:
            for _ in range((_END - _FIRST) // BLOCK):
                first = self._next
                self._next = first + BLOCK if first + BLOCK < _END else _FIRST
                if first not in self._taken and all(_is_free(first + n) for n in range(BLOCK)):
                    self._taken.add(first)
                    return first
        raise OSError(f"no {BLOCK} free TCP ports in a row between {_FIRST} and {_END}")

    def give_back(self, first: int) -> None:
        """Let the block be used again."""
        with self._lock:
            self._taken.discard(first)


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
