"""Identifiers, made without asking the operating system each time."""

from __future__ import annotations

import random
import uuid

# Seeded by the operating system, whose own source costs a system call and the interpreter's lock each time.
_SOURCE = random.Random()  # noqa: S311  # identifiers must be unique, not secret


def new_uuid() -> str:
    """A random UUID (version 4), as text."""
    return str(uuid.UUID(int=_SOURCE.getrandbits(128), version=4))
