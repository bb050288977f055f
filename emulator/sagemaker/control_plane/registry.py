"""All resources: written to DynamoDB, read from memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog

from meshtwin.emulator.core.protocol.errors import UnavailableError, ValidationFailedError
from meshtwin.emulator.core.write_through import WriteThroughMap
from meshtwin.emulator.sagemaker.control_plane.resources import Endpoint, Kind, Resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.write_through import Documents
    from meshtwin.emulator.sagemaker.control_plane.resources import Arns

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

log = structlog.get_logger(__name__)

_NAMES = {Kind.MODEL: "model", Kind.CONFIG: "endpoint configuration", Kind.ENDPOINT: "endpoint"}
_RETRY_AFTER = 1.0


class Registry:
    """Models, configurations and endpoints. A change is in the table before it can be read.

    Check-then-change is done under `lock`.
    """

    def __init__(self, documents: Documents, arns: Arns, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[Kind, WriteThroughMap[Resource]] = {
            kind: WriteThroughMap(
                documents,
                kind,
                name_of=lambda resource: resource.key,
                dump=lambda resource: resource.document(),
                parse=Endpoint.parse if kind is Kind.ENDPOINT else Resource.parse,
            )
            for kind in Kind
        }
        self.arns = arns
        self.lock = asyncio.Lock()

    async def load(self) -> None:
        """Read what an earlier emulator left.

        Raises:
            UnavailableError: DynamoDB does not answer, or refuses.
        """
        await asyncio.gather(*(values.load() for values in self._found.values()))

    def knows_every_endpoint(self) -> bool:
        """Whether each endpoint that was kept could be read."""
        return not self._found[Kind.ENDPOINT].unreadable

    def all(self, kind: Kind) -> list[Resource]:
        """All resources of a kind, in the order of their names."""
        return self._found[kind].all()

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, in the order of their names."""
        return [found for found in self.all(Kind.ENDPOINT) if isinstance(found, Endpoint)]

    def find(self, kind: Kind, name: str) -> Resource | None:
        """The resource of a name in any case, or None."""
        return self._found[kind].get(name.lower())

    def get(self, kind: Kind, name: str) -> Resource:
        """The resource of a name in any case.

        Raises:
            ValidationFailedError: `Could not find ...`, the text that other tools search for
                (https://github.com/aws/amazon-sagemaker-operator-for-k8s).
        """
        if found := self.find(kind, name):
            return found
        raise self.not_found(kind, name)

    def not_found(self, kind: Kind, name: str) -> ValidationFailedError:
        """The refusal of a name that nothing has."""
        return ValidationFailedError(f'Could not find {_NAMES[kind]} "{self.arns.of(kind, name)}".')

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
            raise ValidationFailedError(f'Cannot create already existing {_NAMES[kind]} "{found.arn}".')

    async def put(self, resource: R) -> R:
        """Keep a resource, new or changed."""
        await self._found[resource.kind].put(resource)
        return resource

    async def remove(self, resource: Resource) -> None:
        """Remove a resource."""
        await self._found[resource.kind].remove(resource.key)

    async def write_again(self) -> None:
        """Put all that is known into a table that has lost it. UnavailableError where that fails."""
        for values in self._found.values():
            await values.write_again()

    async def change_when_available(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change under the lock, and retry while the store is unavailable: no caller could."""

        async def locked() -> T:
            async with self.lock:
                return await change()

        return await retry_while_unavailable(locked, self._clock)


async def retry_while_unavailable(work: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """The result of `work`, once the store has taken it."""
    while True:
        try:
            return await work()
        except UnavailableError as error:
            log.warning("resources_not_stored", reason=error.message)
            await clock.poll(_RETRY_AFTER)
