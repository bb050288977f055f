"""Containers that an emulator leaves when it is killed: marked by labels, found by the next one."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from docker.errors import NotFound

from emulator.owner import host_of, is_certainly_gone

if TYPE_CHECKING:
    from docker import DockerClient

    from emulator.fleet.spec import FleetSpec

EMULATOR_LABEL = "meshtwin.emulator"
"""The table prefix of the emulator that a container belongs to."""

OWNER_LABEL = "meshtwin.owner"
"""The process of it that started the container."""

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")


def labels_of(spec: FleetSpec, instance_id: str, prefix: str, owner: str) -> dict[str, str]:
    """The labels of an instance's container."""
    return {
        EMULATOR_LABEL: prefix,
        OWNER_LABEL: owner,
        "meshtwin.endpoint": spec.endpoint_name,
        "meshtwin.variant": spec.variant_name,
        "meshtwin.instance": instance_id,
    }


def remove_orphans(client: DockerClient, prefix: str, owner: str) -> list[str]:
    """Remove the containers of emulators with this table prefix that are certainly gone; their names."""
    removed = []
    filters: dict[str, str | list[str] | bool] = {"label": f"{EMULATOR_LABEL}={prefix}"}
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        whose = container.labels.get(OWNER_LABEL, "")
        if whose != owner and _is_gone(client, whose):
            container.remove(force=True, v=True)
            removed.append(str(container.name))
    return removed


def _is_gone(client: DockerClient, owner: str) -> bool:
    """Whether the process has ended: of this host, or of a container of this engine that does not run."""
    if is_certainly_gone(owner):
        return True
    host = host_of(owner)
    if host == socket.gethostname() or not _CONTAINER_ID.fullmatch(host):
        return False
    try:
        return bool(client.containers.get(host).status != "running")
    except NotFound:
        return True
