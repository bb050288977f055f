"""Which checks a profile has, in the order in which one thing needs the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.cloud.aws.doctor import account_checks
from meshtwin.cloud.check import Check, Level, ok, warn
from meshtwin.cloud.local.docker.compose import Compose
from meshtwin.cloud.local.docker.engine import DockerError
from meshtwin.cloud.local.docker.engine import engine as connected
from meshtwin.cloud.local.docker.places import emulator_port, localstack_port, project_name
from meshtwin.cloud.local.doctor import engine, host, images, local
from meshtwin.cloud.local.doctor.gpu import gpu
from meshtwin.cloud.state import state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshtwin.cloud.profiles import Profile


def checks(profile: Profile) -> Iterator[Check]:
    """All that a profile needs, each looked at when it is asked for; what cannot be known is left out."""
    yield host.python_version()
    yield host.state_folder(state_dir())
    yield from _BY_STORE[profile.store](profile)


def needs_of_containers() -> Iterator[Check]:
    """What no stack of containers can be started without."""
    yield local.compose_yaml()
    yield from _docker()


def needs_of_places() -> Iterator[Check]:
    """What `meshtwin up` wants for itself: names and ports."""
    yield local.project(project_name())
    yield host.port(localstack_port(), "LocalStack", "LOCALSTACK_PORT")


def _docker() -> Iterator[Check]:
    """The command line, the engine and compose, as far as one can come."""
    for look in (engine.command_line, engine.engine, engine.compose_plugin):
        check = look()
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
    """`meshtwin up` takes a free port for the emulator: this one only `docker compose up` needs."""
    number = emulator_port()
    check = host.port(number, "the emulator of `docker compose up`", "EMULATOR_PORT")
    return check if check.level is Level.OK else warn(check.name, check.found, check.fix)


def _sagemaker(profile: Profile) -> Iterator[Check]:
    yield ok("endpoints", "the SDK's own: nothing is started on this machine")
    yield from account_checks(profile)


_BY_STORE: Mapping[str | None, Callable[[Profile], Iterator[Check]]] = {
    "moto": _embedded,
    "localstack": _localstack,
    None: _sagemaker,
}
