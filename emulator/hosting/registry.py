"""All resources, in memory to be read and in DynamoDB to be kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog

from emulator.hosting.resources import Endpoint, Kind, Resource
from emulator.protocol.errors import UnavailableError, ValidationFailedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.clock import Clock
    from emulator.hosting.resources import Arns
    from emulator.hosting.store import ResourceTable

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

log = structlog.get_logger(__name__)

_WORDS = {
    Kind.MODEL: "model",
    Kind.CONFIG: "endpoint configuration",
    Kind.ENDPOINT: "endpoint",
}
_RETRY_AFTER = 1.0


class Registry:
    """What there is. A change is in the table before anybody can see it.

    Whoever looks first and then changes holds `lock` meanwhile.
    """

    def __init__(self, table: ResourceTable, arns: Arns, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._found: dict[Kind, dict[str, Resource]] = {kind: {} for kind in Kind}
        self.arns = arns
        self.lock = asyncio.Lock()
        self._writing = asyncio.Lock()
        """The table and the memory change together, whoever holds `lock`."""

    async def load(self) -> None:
        """Read what an earlier emulator left.

        Raises:
            UnavailableError: DynamoDB does not answer, or refuses.
        """
        for resource in await self._table.load():
            self._found[resource.kind][resource.key] = resource

    def all(self, kind: Kind) -> list[Resource]:
        """All resources of a kind, in no order."""
        return list(self._found[kind].values())

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, in no order."""
        return [found for found in self.all(Kind.ENDPOINT) if isinstance(found, Endpoint)]

    def find(self, kind: Kind, name: str) -> Resource | None:
        """The resource of a name in any case, or None."""
        return self._found[kind].get(name.lower())

    def get(self, kind: Kind, name: str) -> Resource:
        """The resource of a name in any case.

        Raises:
            ValidationFailedError: `Could not find ...`, the words that other tools look for
                (https://github.com/aws/amazon-sagemaker-operator-for-k8s).
        """
        if found := self.find(kind, name):
            return found
        raise self.not_found(kind, name)

    def not_found(self, kind: Kind, name: str) -> ValidationFailedError:
        """The refusal of a name that nothing has."""
        return ValidationFailedError(f'Could not find {_WORDS[kind]} "{self.arns.of(kind, name)}".')

    def get_endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name in any case, or a ValidationFailedError."""
        found = self.get(Kind.ENDPOINT, name)
        assert isinstance(found, Endpoint)
        return found

    def refuse_existing(self, kind: Kind, name: str) -> None:
        """Raise the ValidationFailedError of a second resource with one name.

        https://github.com/ministryofjustice/modernisation-platform-environments/pull/9383
        """
        if found := self.find(kind, name):
            raise ValidationFailedError(f'Cannot create already existing {_WORDS[kind]} "{found.arn}".')

    async def put(self, resource: R) -> R:
        """Keep a resource, new or changed."""
        async with self._writing:
            await self._table.put(resource)
            self._found[resource.kind][resource.key] = resource
        return resource

    async def remove(self, resource: Resource) -> None:
        """Forget a resource."""
        async with self._writing:
            await self._table.delete(resource)
            self._found[resource.kind].pop(resource.key, None)

    async def write_again(self) -> None:
        """Put all that is known into a table that has lost it. UnavailableError where that fails."""
        async with self._writing:
            for found in self._found.values():
                for resource in found.values():
                    await self._table.put(resource)

    async def patiently(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change, holding the lock, as often as it takes: nobody is there to be told of a failure."""
        while True:
            try:
                async with self.lock:
                    return await change()
            except UnavailableError as error:
                log.warning("resources_not_stored", reason=error.message)
                await self._clock.poll(_RETRY_AFTER)
