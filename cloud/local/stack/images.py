"""The images of a stack, got before anything is started: pulled or built, as compose.yaml says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.cloud.check import Level, refuse
from meshtwin.cloud.local.docker.compose import Compose
from meshtwin.cloud.local.docker.images import image, source_digest
from meshtwin.cloud.local.docker.places import project_name
from meshtwin.cloud.local.doctor.images import missing_image, runtime_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


def provide_images(profile: Profile, options: StackOptions, say: Callable[[str], None]) -> None:
    """Pull LocalStack's image and build the others, where they are not at hand; minutes, the first time.

    Raises:
        UnavailableError: an image is missing and may not be built, or cannot be had.
    """
    compose = Compose(project_name(), {"MESHTWIN_SOURCE": source_digest()})
    names = compose.images()
    if image(names["localstack"]) is None:
        say(f"pulling {names['localstack']}")
        compose.pull("localstack")
    if profile.image is not None and not options.stands_for(profile.image):
        _provide(compose, "runtime", profile.image, options, say)
        found = runtime_image(profile.image)
        if found.level is not Level.OK:
            say(found.words)
    if options.emulator == "container":
        _provide(compose, "emulator", names["emulator"], options, say)


def _provide(
    compose: Compose, service: str, name: str, options: StackOptions, say: Callable[[str], None]
) -> None:
    missing = image(name) is None
    if missing and options.build is False:
        refuse([missing_image(service, name)])
    if missing or options.build:
        say(f"building {name}" + (": it is not at hand" if missing else ""))
        compose.build(service)
