"""What meshtwin has created on an engine, by its labels, and which of it belongs to dead processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.engine import DockerError, FailureKind, containers, engine
from meshtwin.cloud.owner import is_alive
from meshtwin.emulator.core.owner import host_of
from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL, OWNER_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable

UP = "meshtwin.up"
"""On compose.yaml's services: the `meshtwin up` that started them (`owner`), empty where started by hand."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
"""Compose's own: https://docs.docker.com/reference/compose-file/services/#labels"""

_SHORT = 12
"""Length of a container's host name: the start of its id."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What dead processes left: compose projects with their owners, and instances, by name."""

    projects: tuple[tuple[str, str], ...]
    instances: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.projects or self.instances)


def owner_of(project: str) -> str | None:
    """The `meshtwin up` that owns a project's containers: empty where started by hand, None without any.

    A network alone does not count: compose uses an existing one.
    """
    found = containers(UP, f"{PROJECT_LABEL}={project}")
    return found[0].labels[UP] if found else None


def leftovers() -> Leftovers:
    """What dead processes left; DockerError where the engine does not respond."""
    with engine() as client:
        networks = [one["Labels"] for one in client.networks(filters={"label": UP})]
    labelled = [*networks, *(one.labels for one in containers(UP))]
    instances = [(one.name, one.labels[OWNER_LABEL]) for one in containers(OWNER_LABEL)]
    running = running_since([*(labels[UP] for labels in labelled), *(owner for _, owner in instances)])
    projects = {
        (labels.get(PROJECT_LABEL, ""), labels[UP])
        for labels in labelled
        if labels[UP] and not is_alive(labels[UP], running)
    }
    dead = {name for name, owner in instances if not is_alive(owner, running)}
    return Leftovers(tuple(sorted(projects)), tuple(sorted(dead)))


def running_since(owners: Iterable[str]) -> dict[str, float]:
    """The start of each running container that these owners run in, in seconds since the epoch.

    The keys are the short ids, which are the containers' host names.
    """
    hosts = {host_of(owner) for owner in owners if owner}
    ids = [one.id for one in containers(running=True) if one.id[:_SHORT] in hosts]
    began = ((found[:_SHORT], _started_at(found)) for found in ids)
    return {host: at for host, at in began if at is not None}


def _started_at(container: str) -> float | None:
    """Seconds since the epoch; None where the container is gone."""
    try:
        with engine() as client:
            state = client.inspect_container(container)["State"]
    except DockerError as error:
        if error.kind is FailureKind.NOT_FOUND:
            return None
        raise
    return datetime.fromisoformat(state["StartedAt"]).timestamp()


def instances_on(network: str) -> list[str]:
    """The ids of the instances that are on a network, running or not."""
    return [one.id for one in containers(EMULATOR_LABEL, network=network)]


def services_of(project: str, owner: str, *labels: str) -> list[str]:
    """The ids of the containers of a project that a `meshtwin up` started, running or not."""
    return [one.id for one in containers(*_belonging(project, owner), *labels)]


def networks_of(project: str, owner: str) -> list[str]:
    """The ids of the networks that it created."""
    with engine() as client:
        return [one["Id"] for one in client.networks(filters={"label": list(_belonging(project, owner))})]


def _belonging(project: str, owner: str) -> tuple[str, ...]:
    return f"{PROJECT_LABEL}={project}", f"{UP}={owner}"
