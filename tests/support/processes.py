"""Other processes, looked at while they end."""

from __future__ import annotations

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, though its parent may not have taken note; also where it ends meanwhile."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def running_module(processes: list[psutil.Process], module: str) -> list[psutil.Process]:
    """Those of the processes that run the module, as `python -m` does."""
    return [process for process in processes if module in _command_line(process)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []
