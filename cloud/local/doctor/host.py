"""The machine itself: Python, disk, folders, ports."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from typing import TYPE_CHECKING

import psutil

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.local.docker.engine import DockerError, containers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLDEST_PYTHON = (3, 11)
_GIB = 1 << 30
_SCARCE = 5 * _GIB
_FULL = 1 * _GIB
_PACKAGES = {"moto": "moto[dynamodb,s3,sns,cloudwatch]", "flask": "flask", "cv2": "opencv-python-headless"}


def python_version() -> Check:
    """The interpreter that runs this."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail("python", f"{found}, at {sys.executable}", "install Python 3.11 or later")
    return ok("python", found)


def packages() -> Check:
    """The packages that moto's server and the runtime need."""
    missing = [pip for module, pip in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        return fail("packages", f"not installed: {', '.join(missing)}", "pip install -e . -c constraints.txt")
    return ok("packages", "moto's server and the runtime can be imported")


def state_folder(folder: Path) -> Check:
    """The folder for the state file and the logs of `meshtwin up`."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        found = f"{folder} cannot be written: {existing} is in the way"
        return fail("state folder", found, "export MESHTWIN_STATE_DIR=a-folder-of-your-own")
    return ok("state folder", str(folder))


def disk(folder: Path, what: str) -> Check:
    """Disk space for `what`."""
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    free = shutil.disk_usage(existing).free
    found = f"{free / _GIB:.1f} GiB free for {what} ({existing})"
    if free < _FULL:
        return fail("disk", found, "docker system prune, or free disk space otherwise")
    if free < _SCARCE:
        return warn("disk", found, "docker system prune")
    return ok("disk", found)


def port(number: int, what: str, variable: str, *, own: frozenset[str] = frozenset()) -> Check:
    """Whether a port of 127.0.0.1 is free for `what`; `own` are the containers that may hold it."""
    name = f"port {number}"
    if _is_free(number):
        return ok(name, f"free for {what}")
    holders = list(_holders(number))
    if holders and set(holders) <= {f"container {one}" for one in own}:
        return ok(name, f"held by {what} of a `meshtwin up`: {', '.join(holders)}")
    holder = ", ".join(holders) or "a process of another user"
    return fail(
        name, f"{what} needs it, and it is taken by {holder}", f"stop that, or export {variable}=PORT"
    )


def _is_free(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def _holders(number: int) -> Iterator[str]:
    """What listens there: containers where Docker publishes it, else the visible processes."""
    try:
        publishing = containers(running=True, port=number)
    except DockerError:
        publishing = []
    if publishing:
        yield from (f"container {one.name}" for one in publishing)
        return
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return
    for pid in {one.pid for one in connections if one.status == "LISTEN" and one.laddr[1:] == (number,)}:
        if pid is not None:
            yield f"process {pid} ({_program(pid)})"


def _program(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        return "gone"
