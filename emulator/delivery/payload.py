"""Bytes on their way: in memory while small, in a file or a stream beyond."""

from __future__ import annotations

import tempfile
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


def spool(source: Readable, expected: int | None, content_type: str | None) -> Payload:
    """Read `source` to its end. `expected` is its announced length, None where there is none.

    Whoever reads it raises where fewer bytes than announced come.
    """
    if expected is not None and expected <= IN_MEMORY:
        content = _read_exactly(source, expected)
        return Payload(content, len(content), content_type)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed with the payload
    try:
        while chunk := source.read(CHUNK):
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    return Payload(file, length, content_type)


def _read_exactly(source: Readable, length: int) -> bytes:
    content = source.read(length)
    while len(content) < length:
        more = source.read(length - len(content))
        if not more:
            break
        content += more
    return content
