"""A stack's emulator: as a process on this machine, or in a container beside its store."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtwin.cloud.environment import without_aws
from meshtwin.cloud.local.docker.engine import engine_url
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.local.stack.service import Service, compose_service, document_at, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meshtwin.cloud.local.docker.compose import Compose
    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.local.stack.stores.store import Store
    from meshtwin.cloud.profiles import Profile

RUNTIME_COMMAND = (sys.executable, "-m", "meshtwin.runtime", "serve")
_KEY_VARIABLES = ("MESHTWIN_ACCESS_KEY_ID", "MESHTWIN_SECRET_ACCESS_KEY")
"""compose.yaml's names: the SDK's would pass the caller's own credentials to the container."""

_START_SECONDS = 60.0


@contextmanager
def emulator(
    profile: Profile, options: StackOptions, store: Store, log_dir: Path
) -> Iterator[tuple[str, Service]]:
    """Run the emulator; its URL and its service."""
    arguments = _arguments(profile, options)
    if options.emulator == "container" and store.compose is not None:
        assert profile.credentials is not None
        variables = dict(zip(_KEY_VARIABLES, profile.credentials, strict=True))
        compose = store.compose.with_variables(EMULATOR_OPTIONS=shlex.join(arguments), **variables)
        yield _in_container(compose, log_dir)
        return
    command = [
        *("--port", str(options.port), "--log-dir", str(log_dir)),
        *_launcher(profile, store.compose),
        *arguments,
    ]
    settings = without_aws(options.shell) | profile.with_endpoints(store=store.loopback_url).environment()
    if store.compose is not None:
        settings["DOCKER_HOST"] = engine_url()
    with Child("emulator", command, settings, log_dir / "emulator.log") as child:
        yield child.ready(), child


def _arguments(profile: Profile, options: StackOptions) -> Sequence[str]:
    """The emulator's arguments that are the same on the host and in a container."""
    return [
        *("--region", profile.region, "--account-id", str(profile.account_id)),
        *("--speed", str(options.speed), "--set", "require_key=true"),
        *(each for command in options.containers for each in ("--command", command)),
        *(each for setting in options.settings for each in ("--set", setting)),
    ]


def _launcher(profile: Profile, compose: Compose | None) -> Sequence[str]:
    """An emulator's arguments on the host: instances are containers on the store's network, or processes."""
    if profile.launcher == "docker" and compose is not None:
        return ("--set", "launcher=docker", "--set", f"docker_network={compose.network}")
    return ("--command", f"*={shlex.join(RUNTIME_COMMAND)}")


def _in_container(compose: Compose, log_dir: Path) -> tuple[str, Service]:
    """Start the container; `remove_project` stops it, before the store."""
    service = compose_service(compose, "emulator", log_dir)
    url = f"http://127.0.0.1:{compose.variables['EMULATOR_PORT']}"
    wait_until_ready(lambda: document_at(f"{url}/_emulator/health") is not None, service, _START_SECONDS)
    return url, service
