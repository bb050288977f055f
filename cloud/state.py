"""The state file that a running `meshtwin up` writes for the other commands, and the lock of a profile.

Both are in one folder, by default `state_dir`.
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
from meshtwin.cloud.owner import is_alive
from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.core.private import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE_VARIABLE = "MESHTWIN_STATE_DIR"


@dataclass(frozen=True, slots=True)
class State:
    """A running stack: its process, its settings, and where each of its services runs.

    `owner` has the process's start time besides its id, which another process may have by now.
    """

    profile: str
    environment: dict[str, str]
    log_dir: str
    services: dict[str, str]
    pid: int = field(default_factory=os.getpid)
    owner: str = field(default_factory=new_owner)


def state_dir() -> Path:
    """MESHTWIN_STATE_DIR, else meshtwin's folder in the user's state folder of this system."""
    if chosen := os.environ.get(STATE_VARIABLE):
        return Path(chosen)
    return platformdirs.user_state_path("meshtwin")


@contextmanager
def state_file(state: State, folder: Path | None = None) -> Iterator[None]:
    """Write the state file for the length of the block; only its owner may read it, as it has credentials."""
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
    """The state of a running stack; None where its process is gone, or the file cannot be read."""
    try:
        state = State(**json.loads(_path(profile, folder).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if is_alive(state.owner) else None


@contextmanager
def profile_lock(profile: str, folder: Path | None = None) -> Iterator[None]:
    """Hold the profile's lock: one process at a time runs a profile. An old state file is removed.

    The system releases the lock when the process ends, however that is.

    Raises:
        UnavailableError: another process runs or starts the profile.
    """
    with try_lock((folder or state_dir()) / f"{profile}.lock") as held:
        if not held:
            running = read_state(profile, folder)
            holder = (
                f"in process {running.pid}" if running else "by a process that is starting it or stopping it"
            )
            raise UnavailableError(
                f"profile {profile!r} is already up, {holder}: Ctrl-C there ends it; "
                f"`export {STATE_VARIABLE}=another-folder` runs a second one beside it"
            )
        _path(profile, folder).unlink(missing_ok=True)
        yield


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock file; False at once where another process holds it."""
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
