"""Chooses and loads the backend: `auto`, a built-in one by name, or any other as `module:Class`.

The class is called without arguments, and its instance implements `Backend` (base.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from meshtwin.runtime.settings import Settings

if TYPE_CHECKING:
    from meshtwin.runtime.backends.base import Backend


class BackendUnavailableError(Exception):
    """The requested backend cannot be loaded here; the message names what is missing and the fix."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A backend by name: its class, the packages it needs, and whether it needs CUDA."""

    path: str
    needs: tuple[str, ...] = ()
    cuda: bool = False


KNOWN = {
    "hunyuan": Entry(
        "meshtwin.runtime.backends.hunyuan.backend:HunyuanBackend", needs=("torch", "hy3dshape"), cuda=True
    ),
    "relief": Entry("meshtwin.runtime.backends.relief.backend:ReliefBackend"),
}
"""In the order in which `auto` tries them."""


class _Cuda(Protocol):
    def is_available(self) -> bool: ...


def load(choice: str) -> Backend:
    """Load the backend that `choice` (RUNTIME_BACKEND) names.

    Raises:
        BackendUnavailableError: with the choice, what is missing and the fix.
    """
    if choice == "auto":
        choice = _best(Settings.from_environment(os.environ).device)
    entry = KNOWN.get(choice)
    if entry is None:
        return _create(choice, choice)
    reason = missing(entry)
    if reason is not None:
        raise BackendUnavailableError(
            f"RUNTIME_BACKEND {choice!r}: {reason}; "
            "expected relief, which needs nothing, auto, which takes the best available, or module:Class"
        )
    return _create(choice, entry.path)


def _best(device: str) -> str:
    """The first available backend that runs on RUNTIME_DEVICE."""
    reasons = []
    for name, entry in KNOWN.items():
        if (device == "cpu") if entry.cuda else device.startswith("cuda"):
            reasons.append(f"{name} does not run there")
        elif (reason := missing(entry)) is not None:
            reasons.append(f"{name}: {reason}")
        else:
            return name
    raise BackendUnavailableError(
        f"RUNTIME_DEVICE {device!r}, RUNTIME_BACKEND 'auto': {'; '.join(reasons)}; "
        "expected an available device, or RUNTIME_DEVICE auto"
    )


def missing(entry: Entry) -> str | None:
    """What the machine lacks for a backend, None where nothing; cheap unless all packages are installed."""
    if not _installed(entry.path.partition(":")[0]):
        return "this version has no such backend yet, it comes with a later one"
    for module in entry.needs:
        if not _installed(module):
            return f"the package {module} is not installed here"
    if entry.cuda and not _cuda().is_available():
        return "no CUDA device is visible here"
    return None


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _cuda() -> _Cuda:
    return cast("_Cuda", importlib.import_module("torch.cuda"))


def _create(choice: str, path: str) -> Backend:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise BackendUnavailableError(
            f"RUNTIME_BACKEND {choice!r}: {error}; expected module:Class of a backend that can be imported"
        ) from error
    return cast("Backend", found())
