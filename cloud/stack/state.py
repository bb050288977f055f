"""The note that a running `meshtwin up` leaves for the other commands."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.errors import UnavailableError
from cloud.whole import whole
from emulator.private import make_private

STATE_VARIABLE = "MESHTWIN_STATE_DIR"


@dataclass(frozen=True, slots=True)
class State:
    """One running stack: who runs it, how to reach it, and what it started, as `service: place`."""

    profile: str
    pid: int
    environment: dict[str, str]
    log_dir: str
    services: dict[str, str]


def state_dir() -> Path:
    """MESHTWIN_STATE_DIR, else meshtwin's folder in the user's state folder (XDG)."""
    if chosen := os.environ.get(STATE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "meshtwin"


def write_state(state: State) -> Path:
    """Leave the note, whole or not at all; readable by its owner alone, as it holds credentials."""
    path = _path(state.profile)
    make_private(path.parent)
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
    return path


def read_state(profile: str) -> State | None:
    """The note of a stack that is still running, or None; the note of a dead one is removed."""
    path = _path(profile)
    try:
        state = State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UnavailableError(
            f"{path} cannot be read ({error}): remove it, and start `meshtwin up`"
        ) from error
    if _alive(state.pid):
        return state
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return None


def remove_state(profile: str) -> None:
    """Take the note away, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        _path(profile).unlink()


def _path(profile: str) -> Path:
    return state_dir() / f"{profile}.json"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
