"""How much memory a process and its children have."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

_KIB = 1024
_CHILDREN_EVERY = 10
"""To find a process's children is expensive: every process of the machine is read."""


async def watch(pid: int, limit_kib: int, interval: float, seen: Callable[[int], None]) -> bool:
    """Sample the memory again and again, calling `seen` with the KiB, until it is more than `limit_kib`.

    Returns True then, False once the process is gone. Counts resident memory, shared pages in each process.
    """
    family: list[psutil.Process] = []
    for sample in itertools.count():
        try:
            root = psutil.Process(pid)
            if sample % _CHILDREN_EVERY == _CHILDREN_EVERY - 1:
                family = await asyncio.to_thread(root.children, recursive=True)
        except psutil.NoSuchProcess:
            return False
        used = sum(map(_resident, (root, *family)))
        seen(used)
        if used > limit_kib:
            return True
        await asyncio.sleep(interval)
    raise AssertionError("a count without end has ended")


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss) // _KIB
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
