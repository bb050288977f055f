"""Models, endpoint configurations and endpoints, kept beyond the emulator's life."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.hosting.resources import Endpoint, Kind, Resource

if TYPE_CHECKING:
    from emulator.documents import DocumentTable


class ResourceTable:
    """Resources as documents; calls raise UnavailableError where DynamoDB does not answer, or refuses."""

    def __init__(self, documents: DocumentTable) -> None:
        self._documents = documents

    async def load(self) -> list[Resource]:
        """All resources of all kinds."""
        kinds = await asyncio.gather(*(self._load(kind) for kind in Kind))
        return [resource for found in kinds for resource in found]

    async def _load(self, kind: Kind) -> list[Resource]:
        parse = Endpoint.parse if kind is Kind.ENDPOINT else Resource.parse
        return [parse(document) for document in await self._documents.load(kind)]

    async def put(self, resource: Resource) -> None:
        """Keep a resource, in place of the one of its name."""
        await self._documents.put(resource.kind, resource.key, resource.document())

    async def delete(self, resource: Resource) -> None:
        """Forget a resource."""
        await self._documents.delete(resource.kind, resource.key)
