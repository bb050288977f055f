"""What a Dockerfile is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud.docker.images import base_images

if TYPE_CHECKING:
    from pathlib import Path


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
