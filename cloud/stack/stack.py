"""A profile's own services, started and stopped in order."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.stack.emulator import emulator
from cloud.stack.state import state_dir
from cloud.stack.stores.localstack import LOCALSTACK
from cloud.stack.stores.moto import MOTO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cloud.profiles import Profile
    from cloud.stack.options import StackOptions
    from cloud.stack.service import Service
    from cloud.stack.stores.store import StoreKind

STORES: Mapping[str, StoreKind] = {"moto": MOTO, "localstack": LOCALSTACK}


@dataclass(frozen=True, slots=True)
class Stack:
    """Running services: the settings that lead to them, what they are, and where they log."""

    environment: Mapping[str, str]
    services: tuple[Service, ...]
    log_dir: Path


def prepare(profile: Profile, options: StackOptions, say: Callable[[str], None]) -> None:
    """Look whether all is there that the profile takes, and get what can be got: it may take minutes.

    `say` is told what is done, while builders talk to the terminal themselves.

    Raises:
        UsageError: the options make no sense on this profile.
        UnavailableError: something is missing; with the mend.
    """
    if profile.store is not None:
        STORES[profile.store].prepare(profile, options, say)


@contextmanager
def running(
    profile: Profile, options: StackOptions, report: Callable[[str], None] = lambda _: None
) -> Iterator[Stack]:
    """The profile's services, from here to the end of the `with` block; `report` is told what is waited for.

    Raises:
        UnavailableError: a service did not start; with its last log lines.
    """
    log_dir = _fresh(options.log_dir or state_dir() / "logs" / profile.name)
    if profile.store is None:
        yield Stack(profile.connection(), (), log_dir)
        return
    with ExitStack() as stack:
        store = stack.enter_context(STORES[profile.store].serving(profile, options, log_dir, report))
        report("starting the emulator")
        url, service = stack.enter_context(emulator(profile, options, store, log_dir))
        connection = profile.connection(store_url=store.url, emulator_url=url)
        yield Stack(connection, (store.service, service), log_dir)


def _fresh(folder: Path) -> Path:
    """An empty folder: the logs of the run before are gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
