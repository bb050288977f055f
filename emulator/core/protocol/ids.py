"""Identifiers, made without asking the operating system each time."""

from __future__ import annotations

import random
import time
import uuid

# Seeded by the operating system, whose own source costs a system call and the interpreter's lock each time.
_SOURCE = random.Random()  # noqa: S311  # identifiers must be unique, not secret


def new_uuid() -> str:
    """A random UUID (version 4), as text."""
    return str(uuid.UUID(int=_SOURCE.getrandbits(128), version=4))


def new_request_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7): those of one process sort in the order in which they were made.

    Stores that keep their keys sorted take them gladly; otherwise it is as good as any UUID.
    """
    millis, rest = time.time_ns() // 1_000_000, _SOURCE.getrandbits(74)
    value = (millis << 80) | (0x7 << 76) | ((rest >> 62) << 64) | (0b10 << 62) | (rest & (1 << 62) - 1)
    return str(uuid.UUID(int=value))
