"""What meshtwin has put on an engine, by the labels that it bears, and which of it nobody minds any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.engine import docker, lines
from meshtwin.cloud.local.docker.owner import is_alive
from meshtwin.emulator.core.owner import host_of
from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL, OWNER_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

UP = "meshtwin.up"
"""On what compose.yaml describes: the `meshtwin up` that started it, as `owner` writes it; empty by hand."""

_PROJECT = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What dead processes left: compose projects with the process of each, and instances, by name."""

    projects: tuple[tuple[str, str], ...]
    instances: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.projects or self.instances)


def owner_of(project: str) -> str | None:
    """The `meshtwin up` that a project's containers belong to: empty where started by hand, None without any.

    A network alone is in nobody's way: compose starts in one that is there.
    """
    return dict(_projects(("ps", "--all"))).get(project)


def leftovers() -> Leftovers:
    """What is there of dead processes; DockerError where the engine cannot be asked."""
    labelled = list(_projects(("network", "ls"), ("ps", "--all")))
    shown = '{{.Names}}\t{{.Label "' + OWNER_LABEL + '"}}'
    instances = [
        line.split("\t")
        for line in lines("ps", "--all", "--filter", f"label={OWNER_LABEL}", "--format", shown)
    ]
    running = running_since(owner for _, owner in (*labelled, *instances))
    projects = {(name, owner) for name, owner in labelled if owner and not is_alive(owner, running)}
    dead = {name for name, owner in instances if not is_alive(owner, running)}
    return Leftovers(tuple(sorted(projects)), tuple(sorted(dead)))


def running_since(owners: Iterable[str]) -> dict[str, float]:
    """When the containers that run, and that these owners ran in, were started: seconds since the epoch."""
    hosts = {host_of(owner) for owner in owners}
    ids = [found for found in lines("ps", "--format", "{{.ID}}") if found in hosts]
    if not ids:
        return {}
    began = (line.split("\t") for line in lines("inspect", "--format", "{{.Id}}\t{{.State.StartedAt}}", *ids))
    return {found[:12]: datetime.fromisoformat(at).timestamp() for found, at in began}


def instances_on(network: str) -> list[str]:
    """The ids of the instances that are on a network, running or not."""
    return lines(
        "ps", "--all", "--quiet", "--filter", f"label={EMULATOR_LABEL}", "--filter", f"network={network}"
    )


def remove(instances: tuple[str, ...] | list[str]) -> None:
    """Remove containers, running or not."""
    if instances:
        docker("rm", "--force", "--volumes", *instances, timeout=60)


def services_of(project: str, owner: str, *filters: str) -> list[str]:
    """The ids of the containers that a `meshtwin up` started of a project, running or not."""
    return lines("ps", "--all", "--quiet", *_belonging(project, owner), *filters)


def networks_of(project: str, owner: str) -> list[str]:
    """The ids of the networks that it made."""
    return lines("network", "ls", "--quiet", *_belonging(project, owner))


def _belonging(project: str, owner: str) -> tuple[str, ...]:
    return ("--filter", f"label={_PROJECT}={project}", "--filter", f"label={UP}={owner}")


def _projects(*kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each compose project with something of ours of these kinds in it, and whose that is."""
    shown = '{{.Label "' + _PROJECT + '"}}\t{{.Label "' + UP + '"}}'
    for kind in kinds:
        for line in lines(*kind, "--filter", f"label={UP}", "--format", shown):
            project, _, owner = line.partition("\t")
            yield project, owner
