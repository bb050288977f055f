"""What is kept in the table and read from memory: the table first, whatever fails."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.write_through import WriteThroughMap
from tests.support.documents import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Names = dict[str, str]


def made(documents: MemoryDocuments) -> WriteThroughMap[Names]:
    def parse(document: str) -> Names:
        return {"name": json.loads(document)["name"]}

    return WriteThroughMap(
        documents, "kind", name_of=lambda value: value["name"], dump=json.dumps, parse=parse
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.put({"name": "a", "is": "new"}),
        lambda values: values.change("a", lambda found: {**(found or {}), "is": "new"}),
        lambda values: values.remove("a"),
    ],
)
def test_a_change_that_the_table_refuses_is_seen_by_nobody(
    change: Callable[[WriteThroughMap[Names]], Awaitable[None]],
) -> None:
    async def scenario() -> None:
        documents = MemoryDocuments()
        values = made(documents)
        await values.put({"name": "a"})
        documents.failures = 1
        with pytest.raises(UnavailableError):
            await change(values)
        assert values.all() == [{"name": "a"}]
        await change(values)
        assert values.all() != [{"name": "a"}]

    asyncio.run(scenario())


def test_a_document_that_cannot_be_read_is_logged_and_the_others_are_there() -> None:
    async def scenario() -> None:
        documents = MemoryDocuments()
        for number, document in enumerate(('{"name": "a"}', "no JSON", "[]", "{}", '{"name": "b"}')):
            await documents.put("kind", str(number), document)
        values = made(documents)
        await values.load()
        assert [value["name"] for value in values.all()] == ["a", "b"]
        assert values.unreadable == 3

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert [line["document"] for line in logs] == ["no JSON", "[]", "{}"]
