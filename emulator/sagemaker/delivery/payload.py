"""Bytes on their way: in memory while small, in a file or a stream beyond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Protocol

IN_MEMORY = 1024 * 1024
"""Bytes up to which a body is held in memory."""

CHUNK = 256 * 1024


class Readable(Protocol):
    """A source of bytes."""

    def read(self, amount: int = ..., /) -> bytes:
        """At most `amount` bytes, none at the end."""
        ...


@dataclass(slots=True)
class Payload:
    """A body with its length in bytes and its type, None where nobody named one."""

    content: bytes | IO[bytes]
    length: int
    content_type: str | None

    def read_all(self) -> bytes:
        """All of it; for bodies known to be small."""
        if isinstance(self.content, bytes):
            return self.content
        self.content.seek(0)
        return self.content.read()

    def close(self) -> None:
        """Drop the file, if any."""
        if not isinstance(self.content, bytes):
            self.content.close()
