"""Compiles the voxel engine's loops in the background of a stack, where they are not cached yet."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtwin.emulator.core import child_guard
from meshtwin.emulator.core.private import touch_private
from meshtwin.minecraft.voxel.kernels.cached import kernels_cached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PROGRAM = "import os; os.nice(10); from meshtwin.minecraft.voxel.warm import main; main()"


@contextmanager
def warming(code: Path, shell: Mapping[str, str], log: Path) -> Iterator[None]:
    """Compile in the background, at low priority, until done or to the end of the `with` block.

    The guard ends it with this process, however that ends. Its output is in `log`; nothing depends on it.
    """
    if kernels_cached():
        yield
        return
    with touch_private(log).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-I", "-S", child_guard.__file__, sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={**shell, "PYTHONPATH": str(code)},
            start_new_session=True,
        )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
