"""Starts and stops a profile's services in order."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.cloud.createbuild.functions import functions, given_settings
from meshtwin.cloud.createbuild.manifest import write_manifest
from meshtwin.cloud.environment import no_proxy_settings, without_aws
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.local.stack.emulator import emulator
from meshtwin.cloud.local.stack.stores.localstack import LOCALSTACK
from meshtwin.cloud.local.stack.stores.moto import MOTO
from meshtwin.cloud.profiles import API_PREFIX, API_TOKEN_VARIABLE, API_URL_VARIABLE
from meshtwin.cloud.source import SOURCE
from meshtwin.cloud.state import state_dir
from meshtwin.emulator.core import child_guard
from meshtwin.emulator.core.private import make_private, touch_private
from meshtwin.minecraft.voxel.kernels.cached import kernels_cached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.local.stack.service import Service
    from meshtwin.cloud.local.stack.stores.store import StoreKind
    from meshtwin.cloud.profiles import Profile

STORES: Mapping[str, StoreKind] = {"moto": MOTO, "localstack": LOCALSTACK}

_WARMING = "import os; os.nice(10); from meshtwin.minecraft.voxel.warm import main; main()"


@dataclass(frozen=True, slots=True)
class Stack:
    """Running services, their settings for clients, and their logs."""

    environment: Mapping[str, str]
    services: tuple[Service, ...]
    log_dir: Path


def prepare(profile: Profile, options: StackOptions, notify: Callable[[str], None]) -> None:
    """Check what the profile needs, and pull or build missing images: it may take minutes.

    `notify` is called with what is done; builders print to the terminal themselves.

    Raises:
        UsageError: the options do not fit this profile.
        UnavailableError: something is missing; with the fix.
    """
    if profile.store is not None:
        if options.functions:
            given_settings(options.shell)  # invalid ones are refused before anything is started
        STORES[profile.store].prepare(profile, options, notify)


@contextmanager
def running(
    profile: Profile, options: StackOptions, report: Callable[[str], None] = lambda _: None
) -> Iterator[Stack]:
    """Run the profile's services for the length of a `with` block; `report` is called with each step.

    Raises:
        UnavailableError: a service did not start; with its last log lines.
    """
    log_dir = _empty_folder((options.folder or state_dir()) / "logs" / profile.name)
    if profile.store is None:
        yield Stack(profile.environment(), (), log_dir)
        return
    kind, profile = STORES[profile.store], profile.with_new_key()
    with ExitStack() as stack:
        store = stack.enter_context(kind.serving(profile, options, log_dir, report))
        report("starting the emulator")
        url, service = stack.enter_context(emulator(profile, options, store, log_dir))
        profile = profile.with_endpoints(store=store.url, emulator=url)
        environment, services = profile.environment(), [store.service, service]
        if options.functions:
            report("starting the Lambda and Bedrock emulators")
            environment, host = stack.enter_context(_function_host(profile, options, log_dir))
            services.append(host)
            stack.enter_context(_warming(options.shell, log_dir / "warming.log"))
        yield Stack(environment | no_proxy_settings(options.shell), tuple(services), log_dir)


@contextmanager
def _function_host(
    profile: Profile, options: StackOptions, log_dir: Path
) -> Iterator[tuple[dict[str, str], Service]]:
    """Run the emulators of Lambda, API Gateway and Bedrock with the flow's functions.

    The settings for clients of all services, and the process.
    """
    token = secrets.token_urlsafe()
    manifest = log_dir / "functions.toml"
    given = given_settings(options.shell)
    write_manifest(functions(profile, token, given), manifest)
    arguments = [
        *("--port", "0", "--log-dir", str(log_dir), "--speed", str(options.speed)),
        *("--region", profile.region, "--account-id", str(profile.account_id)),
        *("--set", "require_key=true", "--functions", str(manifest)),
    ]
    settings = without_aws(options.shell) | profile.environment()
    with Child("meshtwin.emulator.serverless", arguments, settings, log_dir / "serverless.log") as child:
        url = child.ready()
        api = {API_URL_VARIABLE: f"{url}{API_PREFIX}", API_TOKEN_VARIABLE: token}
        yield profile.with_endpoints(serverless=url).environment() | given | api, child


@contextmanager
def _warming(shell: Mapping[str, str], log: Path) -> Iterator[None]:
    """Compile the voxel engine's loops at low priority, until done or to the end of the `with` block.

    The guard ends it with this process, however that ends. Its output is in `log`; nothing depends on it.
    """
    if kernels_cached():
        yield
        return
    with touch_private(log).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-I", "-S", child_guard.__file__, sys.executable, "-c", _WARMING],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={**shell, "PYTHONPATH": str(SOURCE)},
            start_new_session=True,
        )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _empty_folder(folder: Path) -> Path:
    """Empty the folder of an earlier run's logs."""
    shutil.rmtree(folder, ignore_errors=True)
    return make_private(folder)
