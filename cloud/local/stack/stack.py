"""A profile's own services, started and stopped in order."""

from __future__ import annotations

import secrets
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.cloud.createbuild.functions import functions, given_settings
from meshtwin.cloud.createbuild.manifest import write_manifest
from meshtwin.cloud.environment import beside_proxies
from meshtwin.cloud.local.stack.emulator import emulator
from meshtwin.cloud.local.stack.serverless import serverless
from meshtwin.cloud.local.stack.stores.localstack import LOCALSTACK
from meshtwin.cloud.local.stack.stores.moto import MOTO
from meshtwin.cloud.local.stack.warming import warming
from meshtwin.cloud.profiles import API_PREFIX, API_TOKEN_VARIABLE, API_URL_VARIABLE
from meshtwin.cloud.source import SOURCE
from meshtwin.cloud.state import state_dir
from meshtwin.emulator.core.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.local.stack.service import Service
    from meshtwin.cloud.local.stack.stores.store import StoreKind
    from meshtwin.cloud.profiles import Profile

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
        UnavailableError: something is missing; with the fix.
    """
    if profile.store is not None:
        if options.functions:
            given_settings(options.shell)  # one that makes no sense is said before anything is started
        STORES[profile.store].prepare(profile, options, say)


@contextmanager
def running(
    profile: Profile, options: StackOptions, report: Callable[[str], None] = lambda _: None
) -> Iterator[Stack]:
    """The profile's services, from here to the end of the `with` block; `report` is told what is waited for.

    Raises:
        UnavailableError: a service did not start; with its last log lines.
    """
    log_dir = _fresh((options.folder or state_dir()) / "logs" / profile.name)
    if profile.store is None:
        yield Stack(profile.environment(), (), log_dir)
        return
    kind, profile = STORES[profile.store], profile.keyed()
    with ExitStack() as stack:
        store = stack.enter_context(kind.serving(profile, options, log_dir, report))
        report("starting the emulator")
        url, service = stack.enter_context(emulator(profile, options, store, log_dir))
        profile = profile.at(store=store.url, emulator=url)
        environment, services = profile.environment(), [store.service, service]
        if options.functions:
            report("starting the emulators of Lambda and Bedrock")
            environment, beside = stack.enter_context(_beside(profile, options, log_dir))
            services.append(beside)
            stack.enter_context(warming(SOURCE, options.shell, log_dir / "warming.log"))
        yield Stack(environment | beside_proxies(options.shell), tuple(services), log_dir)


@contextmanager
def _beside(
    profile: Profile, options: StackOptions, log_dir: Path
) -> Iterator[tuple[dict[str, str], Service]]:
    """The flow's functions on a host of their own: the settings that lead to them too, and the host."""
    token = secrets.token_urlsafe()
    manifest = log_dir / "functions.toml"
    given = given_settings(options.shell)
    write_manifest(functions(profile, token, given), manifest)
    with serverless(profile, options, manifest, log_dir) as (url, service):
        api = {API_URL_VARIABLE: f"{url}{API_PREFIX}", API_TOKEN_VARIABLE: token}
        yield profile.at(serverless=url).environment() | given | api, service


def _fresh(folder: Path) -> Path:
    """An empty folder: the logs of the run before are gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return make_private(folder)
