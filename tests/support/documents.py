"""The table of documents, in memory, which fails as often as it is told to."""

from __future__ import annotations

from meshtwin.emulator.core.protocol.errors import UnavailableError


class MemoryDocuments:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.failures = 0
        """How many of the next writes fail."""

    async def load(self, kind: str) -> list[str]:
        return [document for (found, _), document in sorted(self.kept.items()) if found == kind]

    async def put(self, kind: str, name: str, document: str) -> None:
        self._write()
        self.kept[kind, name] = document

    async def delete(self, kind: str, name: str) -> None:
        self._write()
        self.kept.pop((kind, name), None)

    def _write(self) -> None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the table is away")
