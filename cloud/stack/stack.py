"""A profile's own services, started and stopped in order."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.errors import UnavailableError
from cloud.stack.child import Child
from cloud.stack.state import state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cloud.profiles import Profile

RUNTIME_COMMAND = (sys.executable, "-m", "runtime", "serve")


@dataclass(frozen=True, slots=True)
class Stack:
    """Running services: the settings that lead to them, the processes, and where they log."""

    environment: Mapping[str, str]
    children: tuple[Child, ...]
    log_dir: Path


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How services are started: `data` is the folder that outlives them, `speed` the emulator's clock's."""

    data: Path | None = None
    port: int = 0
    speed: float = 1.0
    log_dir: Path | None = None
    containers: tuple[str, ...] = ()
    """`IMAGE=COMMAND` of containers beside the runtime."""
    settings: tuple[str, ...] = ()
    """`NAME=VALUE` of the emulator's settings."""


@contextmanager
def running(profile: Profile, options: StackOptions) -> Iterator[Stack]:
    """The profile's services, from here to the end of the `with` block.

    Raises:
        UnavailableError: a service did not start; with its last log lines.
    """
    if profile.store == "localstack":
        raise UnavailableError(
            "profile 'local' cannot be started yet: it awaits the container image. "
            "Use `--profile embedded`, which needs no Docker."
        )
    with ExitStack() as stack:
        log_dir = _fresh(options.log_dir or state_dir() / "logs" / profile.name)
        if not profile.emulated:
            yield Stack(profile.connection(), (), log_dir)
            return
        moto = stack.enter_context(_moto(options, log_dir))
        store_url = moto.ready()
        settings = _clean(os.environ) | profile.connection(store_url=store_url)
        emulator = stack.enter_context(_emulator(profile, options, settings, log_dir))
        connection = profile.connection(store_url=store_url, emulator_url=emulator.ready())
        yield Stack(connection, (moto, emulator), log_dir)


def _fresh(folder: Path) -> Path:
    """An empty folder: the logs of the run before are gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _moto(options: StackOptions, log_dir: Path) -> Child:
    arguments = ["--data", str(options.data)] if options.data else []
    return Child("cloud.stack.moto_server", arguments, _clean(os.environ), log_dir / "moto.log")


def _emulator(
    profile: Profile, options: StackOptions, environment: Mapping[str, str], log_dir: Path
) -> Child:
    arguments = [
        *("--port", str(options.port), "--region", profile.region),
        *("--account-id", str(profile.account_id), "--speed", str(options.speed)),
        *("--log-dir", str(log_dir), "--command", f"*={' '.join(RUNTIME_COMMAND)}"),
        *(word for command in options.containers for word in ("--command", command)),
        *(word for setting in options.settings for word in ("--set", setting)),
    ]
    return Child("emulator", arguments, environment, log_dir / "emulator.log")


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without settings that lead to AWS, or that would lead somewhere else."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
