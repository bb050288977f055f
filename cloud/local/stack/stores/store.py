"""What a store is to the rest of a stack, whichever kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from meshtwin.cloud.local.docker.compose import Compose
    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.local.stack.service import Service
    from meshtwin.cloud.profiles import Profile


@dataclass(frozen=True, slots=True)
class Store:
    """S3, DynamoDB, SNS and CloudWatch, running.

    `url` is for SDKs on this machine; `near_url` is the same place as an address, which an emulator can
    translate for containers. `compose` is the project that it is part of, where it is in one.
    """

    url: str
    near_url: str
    service: Service
    compose: Compose | None = None


@dataclass(frozen=True, slots=True)
class StoreKind:
    """How a store is had.

    `prepare` looks whether all is there that it takes, and gets what can be got: it may take minutes, lets
    builders talk to the terminal, and says in words what it does. `serving` runs the store for the length of
    a `with` block, in seconds, and reports in words what it waits for.
    """

    prepare: Callable[[Profile, StackOptions, Callable[[str], None]], None]
    serving: Callable[[Profile, StackOptions, Path, Callable[[str], None]], AbstractContextManager[Store]]
