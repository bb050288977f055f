"""What a job works with, whom it tells, and where its container is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.sagemaker.delivery.container import ContainerClient
    from meshtwin.emulator.sagemaker.delivery.items import Items
    from meshtwin.emulator.sagemaker.delivery.job import Job
    from meshtwin.emulator.sagemaker.delivery.objects import Objects
    from meshtwin.emulator.sagemaker.delivery.sending import Sender
    from meshtwin.emulator.sagemaker.delivery.settle import Settler
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.meter import Meter
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.table import RequestTable
    from meshtwin.emulator.sagemaker.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """What every job works with."""

    table: RequestTable
    items: Items
    objects: Objects
    settler: Settler
    clock: Clock
    settings: Settings
    meter: Meter
    faults: Faults
    sender: Sender


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a job tells its dispatcher; called from the job's thread."""

    armed: Callable[[float], None]
    """Something is due at this time."""

    released: Callable[[Job], None]
    """The container is done with the request; what follows needs no slot."""

    suspected: Callable[[Job], None]
    """The instance should be looked at before it gets more."""

    finished: Callable[[Job, Entry | None], None]
    """The thread is done; with an entry, the request goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A slot of an instance, and the way to its container."""

    instance: Instance
    client: ContainerClient
