"""What a running `meshtwin up` leaves for the other commands, and what keeps a second one away.

All of it is in one folder, by default `state_dir`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock, Timeout

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.files import atomic_path
from meshtwin.cloud.owner import is_alive, this_process
from meshtwin.emulator.core.private import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE_VARIABLE = "MESHTWIN_STATE_DIR"


@dataclass(frozen=True, slots=True)
class State:
    """One running stack: the process that runs it, how to reach it, and what it started, as `service: place`.

    `owner` has the process's start besides its id, which may be somebody else's by now.
    """

    profile: str
    environment: dict[str, str]
    log_dir: str
    services: dict[str, str]
    pid: int = field(default_factory=os.getpid)
    owner: str = field(default_factory=this_process)


def state_dir() -> Path:
    """MESHTWIN_STATE_DIR, else meshtwin's folder where this system keeps a user's state."""
    if chosen := os.environ.get(STATE_VARIABLE):
        return Path(chosen)
    return platformdirs.user_state_path("meshtwin")


@contextmanager
def noted(state: State, folder: Path | None = None) -> Iterator[None]:
    """The note is there for the length of the block; for its owner alone, as it holds credentials."""
    path = _path(state.profile, folder)
    make_private(path.parent)
    with atomic_path(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_state(profile: str, folder: Path | None = None) -> State | None:
    """The note of a stack that is still running, or None: also where nobody can read what is there."""
    try:
        state = State(**json.loads(_path(profile, folder).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if is_alive(state.owner) else None


@contextmanager
def only_one(profile: str, folder: Path | None = None) -> Iterator[None]:
    """The one process that runs the profile, from its first step to its last; an old note is removed.

    The lock is the system's: it ends with the process, however that ends.

    Raises:
        UnavailableError: another one runs it, or starts it just now.
    """
    with exclusive((folder or state_dir()) / f"{profile}.lock") as held:
        if not held:
            running = read_state(profile, folder)
            who = (
                f"in process {running.pid}" if running else "by a process that is starting it or stopping it"
            )
            raise UnavailableError(
                f"profile {profile!r} is already up, {who}: Ctrl-C there ends it; "
                f"`export {STATE_VARIABLE}=another-folder` runs a second one beside it"
            )
        _path(profile, folder).unlink(missing_ok=True)
        yield


@contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold a lock file, or False at once where another process holds it."""
    lock = FileLock(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written ({error}): `export {STATE_VARIABLE}=a-folder-of-your-own`"
        ) from error
    try:
        yield True
    finally:
        lock.release()


def _path(profile: str, folder: Path | None) -> Path:
    return (folder or state_dir()) / f"{profile}.json"
