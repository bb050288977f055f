"""The kernel's out-of-memory kills, as the container's control group counts them."""

from __future__ import annotations

from pathlib import Path

_GROUP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


def oom_kills(group: Path = _GROUP, root: Path = _ROOT) -> int:
    """How many processes of this control group the kernel killed for memory; 0 where it is not counted.

    `memory.events` of version 2, `memory.oom_control` of version 1:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files,
    https://docs.kernel.org/admin-guide/cgroup-v1/memory.html#oom-control.
    """
    try:
        lines = group.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    counted = 0
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            counted += _count(root, path, "memory.events")
        elif "memory" in controllers.split(","):
            counted += _count(root / "memory", path, "memory.oom_control")
    return counted


def _count(mount: Path, path: str, name: str) -> int:
    # With a namespace of its own, as containers have it, the group is the mount's root.
    for file in (mount / path.lstrip("/") / name, mount / name):
        try:
            fields = file.read_text(encoding="ascii").split()
            return int(fields[fields.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            continue
    return 0
