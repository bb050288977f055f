"""The device of a torch backend: which one, how much memory a job took there, and when that ran out.

A backend calls `choose` as it loads, and may implement `peak_vram_bytes` with `peak_bytes`. The worker runs
each job of a backend on a CUDA device through `run_on`, which turns torch's error into the contract's. torch
is imported only where a device is chosen.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")

_ADVICE = re.compile(r"\s*(If reserved but unallocated|See documentation|Of the allocated).*", re.DOTALL)
"""What torch adds for its own programmers, cut from messages."""


def choose() -> str:
    """The device that RUNTIME_DEVICE stands for on this machine, as torch names it: `cpu`, `cuda:0`, ...

    Raises:
        SettingsError: the CUDA device that it names does not exist; the message lists those that do.
    """
    wanted = Settings.from_environment(os.environ).device
    if wanted == "cpu":
        return wanted
    import torch  # noqa: PLC0415  # hundreds of MB, and only some images have it

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = [torch.cuda.get_device_name(number) for number in range(count)]
    return resolve(wanted, names, torch.__version__)


def resolve(wanted: str, found: Sequence[str], torch_version: str) -> str:
    """The same for a machine with the CUDA devices `found`, seen by that torch.

    Raises:
        SettingsError: as `choose`.
    """
    if wanted == "cpu" or (wanted == "auto" and not found):
        return "cpu"
    number = int(wanted.partition(":")[2] or 0)
    if number < len(found):
        return f"cuda:{number}"
    there = ", ".join(f"cuda:{index} ({name})" for index, name in enumerate(found)) or "no CUDA device"
    raise SettingsError(
        f"RUNTIME_DEVICE {wanted!r}: torch {torch_version} sees {there}; "
        "expected one of these, cpu, or auto, which takes the first that is there"
    )


def run_on(device: str, call: Callable[[], Result]) -> Result:
    """Run one job on `device`, measuring its memory from here on.

    Raises:
        JobError: OUT_OF_GPU_MEMORY. The job's memory is released then, and the next job may fit.
    """
    cuda = _cuda() if device.startswith("cuda") else None
    if cuda is None:
        return call()
    cuda.reset_peak_memory_stats(device)
    try:
        return call()
    except cuda.OutOfMemoryError as error:
        message = _explained(device, error)
    # Only here are the frames gone that held the job's tensors.
    gc.collect()
    cuda.empty_cache()
    raise JobError(ErrorCode.OUT_OF_GPU_MEMORY, message)


def peak_bytes(device: str) -> int | None:
    """The most that tensors have taken on `device` since the job began; None on the CPU, or without torch."""
    cuda = _cuda() if device.startswith("cuda") else None
    return None if cuda is None else int(cuda.max_memory_allocated(device))


def _explained(device: str, error: Exception) -> str:
    reason = _ADVICE.sub("", str(error)).rstrip(". ")
    return f"{device}: {reason}. Lower octree_resolution or texture_size, or take a device with more memory"


def _cuda() -> Any:  # noqa: ANN401  # torch is not there to be typed against everywhere
    """torch.cuda, where the backend uses torch: others manage their memory themselves."""
    torch = sys.modules.get("torch")
    return None if torch is None else torch.cuda
