"""What a Dockerfile is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker import compose
from meshtwin.cloud.local.docker.images import base_images, copied, source_digest

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_base_images_are_neither_stages_nor_scratch(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "ARG PYTHON=python:3.11-slim\n"
        "ARG UNSET\n"
        "FROM --platform=linux/amd64 ${PYTHON} AS base\n"
        "from base AS program\n"
        "FROM nvidia/cuda:12.8.1-base AS cuda\n"
        "FROM $UNSET\n"
        "FROM scratch\n"
        "COPY --from=program / /\n"
    )
    assert base_images(dockerfile) == ["python:3.11-slim", "nvidia/cuda:12.8.1-base"]


def test_whatever_the_dockerfile_copies_makes_an_image_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = tmp_path / "runtime" / "Dockerfile"
    dockerfile.parent.mkdir()
    dockerfile.write_text(
        "COPY LICENSE gltf/requirements.txt ./\n"
        "COPY --from=other /opt /opt\n"
        "COPY --chown=1:1 \\\n  gltf /opt/gltf\n"
    )
    assert copied(dockerfile) == ["LICENSE", "gltf/requirements.txt", "gltf"]
    (tmp_path / "gltf" / "deep").mkdir(parents=True)
    files = [
        dockerfile,
        *(tmp_path / name for name in ("LICENSE", "gltf/requirements.txt", "gltf/deep/a.py")),
    ]
    for file in files[1:]:
        file.write_text("1")
    monkeypatch.setattr(compose, "FILE", tmp_path / "compose.yaml")
    compose.FILE.touch()
    seen = {source_digest()}
    for file in files:
        file.write_text(file.read_text() + "\n# changed\n")
        seen.add(source_digest())
    assert len(seen) == 1 + len(files)
    (tmp_path / "gltf" / "a.pyc").write_text("compiled")
    assert source_digest() in seen
