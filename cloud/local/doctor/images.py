"""The images that the local profile runs, and those that are built upon."""

from __future__ import annotations

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.local.docker.compose import compose_file
from meshtwin.cloud.local.docker.images import Image, base_images, image, newest_source, source_digest

_MIB = 1 << 20


def localstack_image(name: str) -> Check:
    """LocalStack's own."""
    found = image(name)
    if found is None:
        return warn(
            "localstack image", f"{name} is not at hand: `meshtwin up` pulls it", f"docker pull {name}"
        )
    return ok("localstack image", f"{name}, {found.size / _MIB:.0f} MiB")


def runtime_image(name: str) -> Check:
    """The container's, as `meshtwin up --profile local` wants it: built, and no older than its source."""
    found = image(name)
    if found is None:
        words = f"{name} is not at hand: `meshtwin up` builds it"
        return warn("runtime image", words, "docker compose build runtime")
    if _is_old(found):
        return warn(
            "runtime image", f"{name} is older than its source", "meshtwin up --profile local --build"
        )
    return ok("runtime image", f"{name}, {found.size / _MIB:.0f} MiB")


def _is_old(found: Image) -> bool:
    """By what it was built from where that is known, else by time, which a checkout of git changes, too."""
    return found.source != source_digest() if found.source else found.made_at < newest_source()


def missing_image(service: str, name: str) -> Check:
    """An image that is not at hand and that nobody may build."""
    return fail(f"{service} image", f"{name} is not at hand", f"docker compose build {service}")


def base_image() -> Check:
    """What the runtime's image is built on, first of all for the CPU."""
    dockerfile = compose_file().parent / "runtime" / "Dockerfile"
    if not dockerfile.is_file():
        return fail("base images", f"{dockerfile} is not there", "git checkout runtime/Dockerfile")
    names = base_images(dockerfile)
    missing = [name for name in names if image(name) is None]
    if not missing:
        return ok("base images", ", ".join(names))
    words = f"not at hand, and pulled by the build that needs them: {', '.join(missing)}"
    return (
        warn("base images", words, f"docker pull {missing[0]}")
        if missing == names
        else ok("base images", words)
    )
