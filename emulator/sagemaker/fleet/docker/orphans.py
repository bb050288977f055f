"""Containers that an emulator leaves when it is killed: found by their labels by the next one."""

from __future__ import annotations

import re
import socket
from datetime import datetime
from typing import TYPE_CHECKING

from docker.errors import NotFound

from meshtwin.emulator.core.owner import host_of, is_certainly_gone, is_older
from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL, OWNER_LABEL

if TYPE_CHECKING:
    from docker import DockerClient

_CONTAINER_ID = re.compile(r"[0-9a-f]{12}")


def remove_orphans(client: DockerClient, prefix: str, owner: str) -> list[str]:
    """Remove what emulators with this table prefix have left that are certainly gone; the names of it."""
    removed = []
    filters: dict[str, str | list[str] | bool] = {"label": f"{EMULATOR_LABEL}={prefix}"}
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        whose = container.labels.get(OWNER_LABEL, "")
        if whose != owner and _is_gone(client, whose):
            container.remove(force=True, v=True)
            removed.append(str(container.name))
    for volume in client.volumes.list(filters=filters):
        whose = (volume.attrs["Labels"] or {}).get(OWNER_LABEL, "")
        if whose != owner and _is_gone(client, whose):
            volume.remove(force=True)
            removed.append(str(volume.name))
    return removed


def _is_gone(client: DockerClient, owner: str) -> bool:
    """Whether the process has ended: of this host, of a container of this engine, or of its run before."""
    if is_certainly_gone(owner):
        return True
    host = host_of(owner)
    if not _CONTAINER_ID.fullmatch(host):
        return False
    try:
        container = client.containers.get(host)
    except NotFound:
        return host != socket.gethostname()  # a host may be called so, too
    if container.status != "running":
        return True
    # This container itself, perhaps: it may have been started again since.
    began = datetime.fromisoformat(container.attrs["State"]["StartedAt"])
    return is_older(owner, began.timestamp())
