"""What meshtwin has put on an engine, by the labels that it bears, and which of it nobody minds any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.docker.engine import docker, lines
from cloud.docker.owner import is_alive
from emulator.fleet.docker.labels import EMULATOR_LABEL, OWNER_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

UP = "meshtwin.up"
"""On what compose.yaml describes: the `meshtwin up` that started it, as `owner` writes it; empty by hand."""

_PROJECT = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What dead processes left: compose projects, and instances outside of them, by name."""

    projects: tuple[str, ...]
    instances: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.projects or self.instances)


def owner_of(project: str) -> str | None:
    """The `meshtwin up` that a project belongs to: empty where started by hand, None where there is none."""
    return dict(_projects()).get(project)


def leftovers() -> Leftovers:
    """What is there of dead processes; DockerError where the engine cannot be asked."""
    running = frozenset(lines("ps", "--format", "{{.ID}}"))
    projects = {name for name, owner in _projects() if owner and not is_alive(owner, running)}
    shown = '{{.Names}}\t{{.Label "' + OWNER_LABEL + '"}}'
    instances = (
        line.split("\t")
        for line in lines("ps", "--all", "--filter", f"label={OWNER_LABEL}", "--format", shown)
    )
    dead = {name for name, owner in instances if not is_alive(owner, running)}
    return Leftovers(tuple(sorted(projects)), tuple(sorted(dead)))


def instances_on(network: str) -> list[str]:
    """The ids of the instances that are on a network, running or not."""
    return lines(
        "ps", "--all", "--quiet", "--filter", f"label={EMULATOR_LABEL}", "--filter", f"network={network}"
    )


def remove(instances: tuple[str, ...] | list[str]) -> None:
    """Remove containers, running or not."""
    if instances:
        docker("rm", "--force", "--volumes", *instances, timeout=60)


def _projects() -> Iterator[tuple[str, str]]:
    """Each compose project with something of ours in it, and whose that is."""
    shown = '{{.Label "' + _PROJECT + '"}}\t{{.Label "' + UP + '"}}'
    for kind in (("network", "ls"), ("ps", "--all")):
        for line in lines(*kind, "--filter", f"label={UP}", "--format", shown):
            project, _, owner = line.partition("\t")
            yield project, owner
