"""The checks of each profile, in order of dependency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.cloud.aws.doctor import account_checks
from meshtwin.cloud.check import Check, Level, ok, warn
from meshtwin.cloud.local.docker.addresses import emulator_port, localstack_port, project_name
from meshtwin.cloud.local.docker.compose import Compose
from meshtwin.cloud.local.docker.engine import DockerError
from meshtwin.cloud.local.docker.engine import engine as connected
from meshtwin.cloud.local.doctor import engine, host, images, local
from meshtwin.cloud.local.doctor.gpu import gpu
from meshtwin.cloud.state import state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshtwin.cloud.profiles import Profile


def checks(profile: Profile) -> Iterator[Check]:
    """Run the profile's checks lazily, one at a time; those that cannot run are left out."""
    yield host.python_version()
    yield host.state_folder(state_dir())
    yield from _BY_STORE[profile.store](profile)


def container_checks() -> Iterator[Check]:
    """Checks without which no container can be started."""
    yield local.compose_yaml()
    yield from _docker()


def name_and_port_checks() -> Iterator[Check]:
    """Checks that the names and ports of `meshtwin up` are free."""
    yield local.project(project_name())
    yield host.port(localstack_port(), "LocalStack", "LOCALSTACK_PORT")


def _docker() -> Iterator[Check]:
    """The command line, the engine and compose, up to the first that fails."""
    for run in (engine.command_line, engine.engine, engine.compose_plugin):
        check = run()
        yield check
        if check.level is Level.FAIL:
            return


def _embedded(_profile: Profile) -> Iterator[Check]:
    yield host.packages()
    yield host.disk(state_dir(), "logs")


def _localstack(profile: Profile) -> Iterator[Check]:
    reached = True
    for check in _docker():
        yield check
        reached = reached and check.level is not Level.FAIL
    yield local.compose_yaml()
    if not reached:
        yield host.port(localstack_port(), "LocalStack", "LOCALSTACK_PORT")
        return
    yield engine.buildx()
    yield from _images(profile)
    yield local.project(project_name(), may_run=True)
    own = local.own_containers(project_name())
    yield host.port(localstack_port(), "LocalStack", "LOCALSTACK_PORT", own=own)
    yield _port_of_compose()
    yield host.disk(_docker_root(), "images and containers")
    yield gpu()
    yield local.localstack(project_name())
    yield local.left_behind()


def _docker_root() -> Path:
    """Where the engine keeps images and containers."""
    with connected() as client:
        return Path(client.info()["DockerRootDir"])


def _images(profile: Profile) -> Iterator[Check]:
    try:
        names = Compose(project_name()).images()
    except DockerError as error:
        yield Check("compose.yaml", Level.FAIL, str(error), "docker compose config")
        return
    yield images.localstack_image(names["localstack"])
    yield images.base_image()
    yield images.runtime_image(profile.image or names["runtime"])


def _port_of_compose() -> Check:
    """Only `docker compose up` needs this port: `meshtwin up` takes a free one for the emulator."""
    number = emulator_port()
    check = host.port(number, "the emulator of `docker compose up`", "EMULATOR_PORT")
    return check if check.level is Level.OK else warn(check.name, check.found, check.fix)


def _sagemaker(profile: Profile) -> Iterator[Check]:
    yield ok("endpoints", "AWS's own: nothing is started on this machine")
    yield from account_checks(profile)


_BY_STORE: Mapping[str | None, Callable[[Profile], Iterator[Check]]] = {
    "moto": _embedded,
    "localstack": _localstack,
    None: _sagemaker,
}
