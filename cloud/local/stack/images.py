"""Pulls and builds the images of a stack before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.cloud.check import Level, fail, refuse
from meshtwin.cloud.local.docker.addresses import project_name
from meshtwin.cloud.local.docker.compose import Compose
from meshtwin.cloud.local.docker.images import image, source_digest
from meshtwin.cloud.local.doctor.images import runtime_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


def provide_images(profile: Profile, options: StackOptions, notify: Callable[[str], None]) -> None:
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
