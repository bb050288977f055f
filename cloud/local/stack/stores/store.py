"""The interface of a store to the rest of a stack."""

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
    """Running S3, DynamoDB, SNS and CloudWatch.

    `url` is for SDKs on this machine; `loopback_url` is the same server by its address, which the emulator
    can translate for containers. `compose` is its compose project, where it has one.
    """

    url: str
    loopback_url: str
    service: Service
    compose: Compose | None = None


@dataclass(frozen=True, slots=True)
class StoreKind:
    """How a kind of store is started.

    `prepare` checks what it needs, and pulls or builds what is missing: it may take minutes, lets builders
    print to the terminal, and calls its third argument with what it does. `serving` starts the store in
    seconds, runs it for the length of a `with` block, and calls its last argument with each step.
    """

    prepare: Callable[[Profile, StackOptions, Callable[[str], None]], None]
    serving: Callable[[Profile, StackOptions, Path, Callable[[str], None]], AbstractContextManager[Store]]
