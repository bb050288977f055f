"""What instances write to standard output and error, kept in a file for each."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.emulator.core.owner import is_certainly_gone
from meshtwin.emulator.core.private import touch_private

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings


_PREFIX, _OWNER = "meshtwin-logs-", "owner"


class LogFolder:
    """A folder of logs: the one that was given, else a temporary one, which goes when it is closed.

    What processes left that were killed is removed when the next one makes its own; `owner` names this one.
    """

    def __init__(self, given: Path | None, owner: str) -> None:
        self._given = given
        self._owner = owner
        self._temporary: Path | None = None

    @property
    def path(self) -> Path:
        """The folder, made when it is first needed."""
        if self._given is not None:
            return self._given
        if self._temporary is None:
            _remove_orphans()
            self._temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
            (self._temporary / _OWNER).write_text(self._owner, encoding="utf-8")
        return self._temporary

    def close(self) -> None:
        """Remove it, unless it was given."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


def _remove_orphans() -> None:
    for owner in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_OWNER}"):
        try:
            is_orphan = is_certainly_gone(owner.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # another user's, or of another kind
            continue
        if is_orphan:
            shutil.rmtree(owner.parent, ignore_errors=True)


class Logs:
    """The files of all instances, below `settings.log_dir` or a temporary folder."""

    def __init__(self, settings: Settings, owner: str = "") -> None:
        self._folder = LogFolder(settings.log_dir, owner)

    def file(self, spec: FleetSpec, instance_id: str) -> Path:
        """Where an instance's output goes: a file that is there, and its owner's alone."""
        path = self._folder.path / spec.endpoint_name / spec.variant_name / f"{instance_id}.log"
        return touch_private(path)

    def close(self) -> None:
        """Remove the folder where it is a temporary one; no instance writes any more."""
        self._folder.close()
