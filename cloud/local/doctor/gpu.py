"""The GPU, which is optional: without one, the runtime uses the CPU."""

from __future__ import annotations

import subprocess

from meshtwin.cloud.check import Check, ok, warn
from meshtwin.cloud.local.docker.engine import DockerError, engine

_TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"


def gpu() -> Check:
    """The NVIDIA driver on this machine, and the runtime that gives containers the device."""
    card = _card()
    toolkit = _has_toolkit()
    if card is None:
        return warn("gpu", "no NVIDIA driver answers (`nvidia-smi`): the CPU is used", "")
    if not toolkit:
        found = f"{card}, but the engine has no NVIDIA runtime: the CPU is used"
        return warn("gpu", found, f"install the NVIDIA Container Toolkit: {_TOOLKIT}")
    return ok("gpu", card)


def _card() -> str | None:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603  # constant
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = done.stdout.strip().splitlines()
    return found[0] if done.returncode == 0 and found else None


def _has_toolkit() -> bool:
    try:
        with engine() as client:
            return "nvidia" in (client.info().get("Runtimes") or {})
    except DockerError:
        return False
