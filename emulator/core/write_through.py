"""Values that outlive the emulator: written to DynamoDB first, and read from memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V")

log = structlog.get_logger(__name__)


class Documents(Protocol):
    """Where values are kept. Calls raise UnavailableError where the store does not answer, or refuses."""

    async def load(self, kind: str) -> list[str]:
        """All documents of a kind."""
        ...

    async def put(self, kind: str, name: str, document: str) -> None:
        """Keep a document, in place of the one of its kind and name."""
        ...

    async def delete(self, kind: str, name: str) -> None:
        """Remove a document, there or not."""
        ...


class WriteThroughMap(Generic[V]):
    """The values of one kind, by name. Used from one event loop.

    A change is in the table before it is in memory: one that fails has changed nothing that anybody can see.
    Changes follow each other, so that none undoes another. They raise UnavailableError where DynamoDB does
    not answer, or refuses.
    """

    def __init__(
        self,
        documents: Documents,
        kind: str,
        *,
        name_of: Callable[[V], str],
        dump: Callable[[V], str],
        parse: Callable[[str], V],
    ) -> None:
        self._documents = documents
        self._kind = kind
        self._name_of = name_of
        self._dump = dump
        self._parse = parse
        self.unreadable = 0
        """How many documents could not be read."""
        self._values: dict[str, V] = {}
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read what an earlier emulator left. What cannot be read is logged, and stays in the table."""
        for document in await self._documents.load(self._kind):
            try:
                value = self._parse(document)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self.unreadable += 1
                log.exception(
                    "document_not_readable", kind=self._kind, document=document[:200], reason=str(error)
                )
            else:
                self._values[self._name_of(value)] = value

    def get(self, name: str) -> V | None:
        """The value of a name."""
        return self._values.get(name)

    def all(self) -> list[V]:
        """Every value, in the order of their names."""
        return [self._values[name] for name in sorted(self._values)]

    async def put(self, value: V) -> None:
        """Keep a value, in place of the one of its name."""
        await self.change(self._name_of(value), lambda _: value)

    async def change(self, name: str, change: Callable[[V | None], V | None]) -> None:
        """Keep what `change` makes of the value of a name; where it makes None, nothing is changed."""
        async with self._writing:
            changed = change(self._values.get(name))
            if changed is not None:
                await self._documents.put(self._kind, name, self._dump(changed))
                self._values[name] = changed

    async def remove(self, name: str) -> None:
        """Remove a value, there or not."""
        async with self._writing:
            await self._documents.delete(self._kind, name)
            self._values.pop(name, None)

    async def remove_where(self, condition: Callable[[V], bool]) -> None:
        """Remove the values for which it is true when their turn comes."""
        async with self._writing:
            for name, value in list(self._values.items()):
                if condition(value):
                    await self._documents.delete(self._kind, name)
                    del self._values[name]

    async def write_again(self) -> None:
        """Put every value into a table that has lost them."""
        async with self._writing:
            for name, value in self._values.items():
                await self._documents.put(self._kind, name, self._dump(value))
