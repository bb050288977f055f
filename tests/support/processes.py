"""Other processes, which may end while they are inspected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, though its parent may not have taken note; also where it ends meanwhile."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def running_module(processes: list[psutil.Process], module: str) -> list[psutil.Process]:
    """Those of the processes that run the module, as `python -m` does."""
    return [process for process in processes if module in command_line(process)]


def command_line(process: psutil.Process) -> list[str]:
    """Its arguments, empty where it has ended, or is about to."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def running_program(processes: list[psutil.Process], argv: Sequence[str]) -> list[psutil.Process]:
    """Those of the processes that were started with these arguments."""
    return [process for process in processes if command_line(process) == list(argv)]
