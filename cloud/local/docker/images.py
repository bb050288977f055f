"""The images of compose.yaml: whether they exist, and whether they are up to date."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.compose import compose_file
from meshtwin.cloud.local.docker.engine import DockerError, FailureKind, engine

if TYPE_CHECKING:
    from pathlib import Path

_ARG = re.compile(r"^ARG\s+(\w+)=(\S+)", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_COPY = re.compile(r"^(?:COPY|ADD)\s+(?!.*--from=)(.+)$", re.IGNORECASE | re.MULTILINE)


SOURCE_LABEL = "meshtwin.source"
"""On the runtime's image, where `meshtwin up` built it."""


@dataclass(frozen=True, slots=True)
class Image:
    """An existing image. `size` is in bytes, `source` the `source_digest` with which `meshtwin up` built it.

    `made_at` is when it was built or last tagged: a build from the cache alone keeps the first build's time.
    """

    made_at: datetime
    size: int
    source: str


def image(name: str) -> Image | None:
    """The image of that name, None where there is none; DockerError where the engine does not respond."""
    try:
        with engine() as client:
            found = client.inspect_image(name)  # type: ignore[no-untyped-call]  # the SDK's
    except DockerError as error:
        if error.kind is FailureKind.NOT_FOUND:
            return None
        raise
    made_at = max(_time(found["Created"]), _time(found["Metadata"]["LastTagTime"]))
    labels = found["Config"]["Labels"] or {}
    return Image(made_at, int(found["Size"]), labels.get(SOURCE_LABEL, ""))


def base_images(dockerfile: Path) -> list[str]:
    """The base images of a Dockerfile, in order, without its own stages."""
    text = dockerfile.read_text(encoding="utf-8")
    given = dict(_ARG.findall(text))
    pairs = [(Template(base).safe_substitute(given), stage) for base, stage in _FROM.findall(text)]
    stages = {stage for _, stage in pairs}
    bases = [base for base, _ in pairs if base not in stages and "$" not in base and base != "scratch"]
    return list(dict.fromkeys(bases))


def newest_source() -> datetime:
    """When the newest source file of the runtime's image was changed."""
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in _sources()), UTC)


def source_digest() -> str:
    """A digest of the runtime image's source files."""
    root = compose_file().parent
    digest = hashlib.sha256()
    for file in sorted(_sources()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()


def copied(dockerfile: Path) -> list[str]:
    """The files and folders that a Dockerfile copies from its context, in order."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [arguments.split() for arguments in _COPY.findall(text)]
    sources = [[each for each in arguments if not each.startswith("--")][:-1] for arguments in found]
    return list(dict.fromkeys(source for chosen in sources for source in chosen))


def _sources() -> list[Path]:
    """The source files of the runtime's image: its Dockerfile, and all that it copies."""
    root = compose_file().parent
    dockerfile = root / "runtime" / "Dockerfile"
    files = {dockerfile}
    for path in (root / name for name in copied(dockerfile)):
        files.update(path.rglob("*") if path.is_dir() else [path])
    return [file for file in files if file.is_file() and file.suffix != ".pyc"]


def _time(text: str) -> datetime:
    """RFC 3339, as Go writes it: with nanoseconds."""
    return datetime.fromisoformat(text or "0001-01-01T00:00:00Z")
