"""The images that the local profile runs, and their base images."""

from __future__ import annotations

from meshtwin.cloud.check import Check, fail, ok, warn
from meshtwin.cloud.local.docker.compose import compose_file
from meshtwin.cloud.local.docker.images import Image, base_images, image, newest_source, source_digest

_MIB = 1 << 20


def localstack_image(name: str) -> Check:
    """LocalStack's own."""
    found = image(name)
    if found is None:
        return warn("localstack image", f"{name} is missing: `meshtwin up` pulls it", f"docker pull {name}")
    return ok("localstack image", f"{name}, {found.size / _MIB:.0f} MiB")


def runtime_image(name: str) -> Check:
    """The runtime's: built, and not older than its source."""
    found = image(name)
    if found is None:
        message = f"{name} is missing: `meshtwin up` builds it"
        return warn("runtime image", message, "docker compose build runtime")
    if _is_old(found):
        return warn(
            "runtime image", f"{name} is older than its source", "meshtwin up --profile local --build"
        )
    return ok("runtime image", f"{name}, {found.size / _MIB:.0f} MiB")


def _is_old(found: Image) -> bool:
    """By the digest of its source where it has one, else by time, which a git checkout changes too."""
    return found.source != source_digest() if found.source else found.made_at < newest_source()


def base_image() -> Check:
    """The base images of the runtime's image."""
    dockerfile = compose_file().parent / "runtime" / "Dockerfile"
    if not dockerfile.is_file():
        return fail("base images", f"{dockerfile} is missing", "git checkout runtime/Dockerfile")
    names = base_images(dockerfile)
    missing = [name for name in names if image(name) is None]
    if not missing:
        return ok("base images", ", ".join(names))
    message = f"missing, and pulled by the build that needs them: {', '.join(missing)}"
    return (
        warn("base images", message, f"docker pull {missing[0]}")
        if missing == names
        else ok("base images", message)
    )
