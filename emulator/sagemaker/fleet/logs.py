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


_PREFIX, _OWNER = "meshtwin-logs-", "owner"


class Logs:
    """The files of all instances, in the folder that was given, else in a temporary one until it is closed.

    What processes left that were killed is removed when the next one makes its own; `owner` names this one.
    """

    def __init__(self, given: Path | None, owner: str = "") -> None:
        self._given = given
        self._owner = owner
        self._temporary: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder, made when it is first needed."""
        if self._given is not None:
            return self._given
        if self._temporary is None:
            _remove_orphans()
            self._temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
            (self._temporary / _OWNER).write_text(self._owner, encoding="utf-8")
        return self._temporary

    def file(self, spec: FleetSpec, instance_id: str) -> Path:
        """Where an instance's output goes: a file that is there, and its owner's alone."""
        return touch_private(self.folder / spec.endpoint_name / spec.variant_name / f"{instance_id}.log")

    def close(self) -> None:
        """Remove the folder where it is a temporary one; no instance writes any more."""
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
