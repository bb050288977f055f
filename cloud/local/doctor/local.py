"""The local profile on the engine: what runs already, and leftovers."""

from __future__ import annotations

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.local.docker.compose import FILE
from meshtwin.cloud.local.docker.engine import containers
from meshtwin.cloud.local.docker.labels import (
    PROJECT_LABEL,
    SERVICE_LABEL,
    leftovers,
    owner_of,
    running_since,
)
from meshtwin.cloud.owner import is_alive


def compose_yaml() -> Check:
    """The description of the services, which is part of a checkout."""
    if not FILE.is_file():
        found = f"{FILE} is missing: the local profile builds its images, and so runs from a checkout"
        return fail("compose.yaml", found, "pip install -e . in a checkout of the project")
    return ok("compose.yaml", str(FILE))


def project(name: str, *, may_run: bool = False) -> Check:
    """Whether the project is free for a `meshtwin up`; with `may_run`, it may be one's already."""
    owner = owner_of(name)
    what = f"compose project {name}"
    if owner is None:
        return ok(what, "not running")
    if not owner:
        found = "started by hand, with `docker compose up`"
        return fail(what, found, f"docker compose -p {name} down, or export COMPOSE_PROJECT_NAME=...")
    if is_alive(owner, running_since([owner])):
        pid = owner.split(":")[1]
        found = f"belongs to the `meshtwin up` of process {pid}"
        return ok(what, found) if may_run else fail(what, found, "Ctrl-C there ends it")
    return ok(what, "left by a `meshtwin up` that was killed: the next one removes it")


def localstack(name: str) -> Check:
    """LocalStack's container, where it runs."""
    found = containers(f"{PROJECT_LABEL}={name}", f"{SERVICE_LABEL}=localstack")
    if not found:
        return ok("localstack", "not running: `meshtwin up --profile local` starts it")
    container, status = found[0].name, found[0].status
    if "unhealthy" in status or not status.startswith("Up"):
        return fail("localstack", f"{container}: {status}", f"docker logs {container}")
    return ok("localstack", f"{container}: {status}")


def own_containers(name: str) -> frozenset[str]:
    """The compose project's containers, where a `meshtwin up` started them."""
    if not owner_of(name):
        return frozenset()
    return frozenset(one.name for one in containers(f"{PROJECT_LABEL}={name}", running=True))


def left_behind() -> Check:
    """Containers and networks of dead processes."""
    found = leftovers()
    if not found:
        return ok("leftovers", "none")
    names = dict(found.projects)
    projects = [f"docker compose -p {name} down --remove-orphans" for name in names]
    instances = [f"docker rm -f {' '.join(found.instances)}"] if found.instances else []
    message = f"of dead processes: {', '.join([*names, *found.instances])}"
    return warn(
        "leftovers", message, " && ".join([*instances, *projects]) + " (or `meshtwin up`, which does it)"
    )
