"""LocalStack, as a container of compose.yaml."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from meshtwin.cloud.check import Level, fail, refuse
from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.local.docker.addresses import (
    free_port,
    localstack_port,
    localstack_url,
    new_project,
    project_name,
)
from meshtwin.cloud.local.docker.compose import Compose, remove_leftovers, remove_project
from meshtwin.cloud.local.docker.images import image, source_digest
from meshtwin.cloud.local.doctor.doctor import container_checks, name_and_port_checks
from meshtwin.cloud.local.doctor.images import runtime_image
from meshtwin.cloud.local.stack.service import compose_service, document_at, wait_until_ready
from meshtwin.cloud.local.stack.stores.store import Store, StoreKind
from meshtwin.emulator.core.owner import new_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile

START_SECONDS = 180.0
"""It starts in 6 to 15 s on two cores; a machine that swaps takes longer."""

_READY = frozenset({"running", "available"})


def _prepare(profile: Profile, options: StackOptions, notify: Callable[[str], None]) -> None:
    if options.data is not None:
        raise UsageError(
            f"--data: profile {profile.name!r} cannot keep anything: LocalStack's free edition loses all "
            "data when it stops. Profile embedded keeps S3, DynamoDB and SNS with --data"
        )
    refuse(container_checks())
    for name in remove_leftovers():
        notify(f"removed {name}, which a dead process had left")
    if not options.isolated:
        refuse(name_and_port_checks())
    _provide_images(profile, options, notify)


def _provide_images(profile: Profile, options: StackOptions, notify: Callable[[str], None]) -> None:
    """Pull LocalStack's image and build the others, where they are missing; minutes, the first time.

    Raises:
        UnavailableError: an image is missing and may not be built, or cannot be pulled or built.
    """
    compose = Compose(project_name(), {"MESHTWIN_SOURCE": source_digest()})
    names = compose.images()
    if image(names["localstack"]) is None:
        notify(f"pulling {names['localstack']}")
        compose.pull("localstack")
    if profile.image is not None and not options.replaces_image(profile.image):
        _provide(compose, "runtime", profile.image, options, notify)
        found = runtime_image(profile.image)
        if found.level is not Level.OK:
            notify(found.message)
    if options.emulator == "container":
        _provide(compose, "emulator", names["emulator"], options, notify)


def _provide(
    compose: Compose, service: str, name: str, options: StackOptions, notify: Callable[[str], None]
) -> None:
    missing = image(name) is None
    if missing and options.build is False:
        refuse([fail(f"{service} image", f"{name} is missing", f"docker compose build {service}")])
    if missing or options.build:
        notify(f"building {name}" + (": it is missing" if missing else ""))
        compose.build(service)


@contextmanager
def _serving(
    profile: Profile, options: StackOptions, log_dir: Path, report: Callable[[str], None]
) -> Iterator[Store]:
    port = free_port() if options.isolated else localstack_port()
    emulator_port = options.port or free_port()
    variables = {
        "LOCALSTACK_PORT": str(port),
        "EMULATOR_PORT": str(emulator_port),
        "ECR_REPO": profile.names.ecr_repo,
        "AWS_REGION": profile.region,
        "MESHTWIN_UP": new_owner(),
    }
    compose = Compose(new_project() if options.isolated else project_name(), variables)
    with ExitStack() as stack:
        stack.callback(_remove_project, compose, report)
        report("starting localstack")
        service = compose_service(compose, "localstack", log_dir)
        url = localstack_url(port)
        wait_until_ready(lambda: _is_healthy(url), service, START_SECONDS, report)
        yield Store(url, f"http://127.0.0.1:{port}", service, compose)


def _remove_project(compose: Compose, report: Callable[[str], None]) -> None:
    report("stopping the containers")
    remove_project(compose.project, compose.variables["MESHTWIN_UP"])


def _is_healthy(url: str) -> bool:
    """Whether LocalStack responds there, with all of its services running."""
    found = document_at(f"{url}/_localstack/health")
    states = (found or {}).get("services", {}).values()
    return found is not None and all(state in _READY for state in states if state != "disabled")


LOCALSTACK = StoreKind(_prepare, _serving)
