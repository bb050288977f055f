"""What instances write to standard output and error, kept in a file for each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.fleet.spec import FleetSpec
    from emulator.settings import Settings


class Logs:
    """The folder of all instances' files: `settings.log_dir`, else a temporary one."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.log_dir or Path(tempfile.mkdtemp(prefix="meshtwin-logs-"))

    def file(self, spec: FleetSpec, instance_id: str) -> Path:
        """Where an instance's output goes: the folder is there, the file may not be."""
        path = self._folder / spec.endpoint_name / spec.variant_name / f"{instance_id}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def tail(path: Path, characters: int) -> str:
    """The last lines of a file, at most `characters`, whole lines where possible; empty without a file."""
    try:
        log = path.open("rb")
    except FileNotFoundError:
        return ""
    with log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - 4 * characters))
        text = log.read().decode(errors="replace").strip()
    if len(text) <= characters:
        return text
    text = text[-characters:]
    return text.partition("\n")[2] or text
