"""Images: those that compose.yaml names, and whether they are at hand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.compose import compose_file
from meshtwin.cloud.local.docker.engine import DockerError, Trouble, engine

if TYPE_CHECKING:
    from pathlib import Path

_ARG = re.compile(r"^ARG\s+(\w+)=(\S+)", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_COPY = re.compile(r"^(?:COPY|ADD)\s+(?!.*--from=)(.+)$", re.IGNORECASE | re.MULTILINE)


SOURCE_LABEL = "meshtwin.source"
"""On the runtime's image, where `meshtwin up` built it."""


@dataclass(frozen=True, slots=True)
class Image:
    """One that is at hand. `size` is in bytes, `source` what `source_digest` was when `meshtwin up` built it.

    `made_at` is when it was built, or last tagged: a build that finds all in the cache keeps the time of the
    first.
    """

    made_at: datetime
    size: int
    source: str


def image(name: str) -> Image | None:
    """The image of that name, None where it is not at hand; DockerError where the engine does not answer."""
    try:
        with engine() as client:
            found = client.inspect_image(name)  # type: ignore[no-untyped-call]  # the SDK's
    except DockerError as error:
        if error.trouble is Trouble.NOT_FOUND:
            return None
        raise
    made_at = max(_time(found["Created"]), _time(found["Metadata"]["LastTagTime"]))
    labels = found["Config"]["Labels"] or {}
    return Image(made_at, int(found["Size"]), labels.get(SOURCE_LABEL, ""))


def base_images(dockerfile: Path) -> list[str]:
    """The images that a Dockerfile builds on and that are not stages of its own, in order."""
    text = dockerfile.read_text(encoding="utf-8")
    given = dict(_ARG.findall(text))
    pairs = [(Template(base).safe_substitute(given), stage) for base, stage in _FROM.findall(text)]
    stages = {stage for _, stage in pairs}
    bases = [base for base, _ in pairs if base not in stages and "$" not in base and base != "scratch"]
    return list(dict.fromkeys(bases))


def newest_source() -> datetime:
    """When the newest file was changed that the runtime's image is built from."""
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in _sources()), UTC)


def source_digest() -> str:
    """What the runtime's image is built from, as one word that changes with it."""
    root = compose_file().parent
    digest = hashlib.sha256()
    for file in sorted(_sources()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()


def copied(dockerfile: Path) -> list[str]:
    """What a Dockerfile copies of its context, in order: files and folders, by their names there."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [words.split() for words in _COPY.findall(text)]
    sources = [[word for word in words if not word.startswith("--")][:-1] for words in found]
    return list(dict.fromkeys(source for chosen in sources for source in chosen))


def _sources() -> list[Path]:
    """The files that the runtime's image is built from: its Dockerfile, and all that this copies."""
    root = compose_file().parent
    dockerfile = root / "runtime" / "Dockerfile"
    files = {dockerfile}
    for place in (root / name for name in copied(dockerfile)):
        files.update(place.rglob("*") if place.is_dir() else [place])
    return [file for file in files if file.is_file() and file.suffix != ".pyc"]


def _time(text: str) -> datetime:
    """RFC 3339, as Go writes it: with nanoseconds."""
    return datetime.fromisoformat(text or "0001-01-01T00:00:00Z")
