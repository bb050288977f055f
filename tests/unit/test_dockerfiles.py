"""The Dockerfiles, as far as they can be held to something without building them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from meshtwin.runtime.settings import Settings, unknown_variables

ROOT = Path(__file__).parents[2]
RUNTIME = (ROOT / "runtime" / "Dockerfile").read_text(encoding="utf-8")
ALL = [ROOT / package / "Dockerfile" for package in ("runtime", "emulator", "minecraft")]


def instructions(text: str) -> list[str]:
    joined = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]


def stage(name: str) -> list[str]:
    """The instructions of one stage of the runtime's image, from FROM to the next FROM."""
    found: list[str] = []
    inside = False
    for line in instructions(RUNTIME):
        if line.startswith("FROM"):
            inside = line.endswith(f" AS {name}")
        elif inside:
            found.append(line)
    return found


def of(name: str, *kinds: str) -> list[str]:
    return [line for line in stage(name) if line.split()[0] in kinds and "opencontainers" not in line]


def test_both_targets_run_the_same_program_in_the_same_way() -> None:
    kinds = ("LABEL", "ENV", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "USER")
    # The one difference: an image for CUDA never takes another backend unasked.
    assert of("cpu", *kinds) == [line.replace("RUNTIME_BACKEND=hunyuan ", "") for line in of("cuda", *kinds)]
    assert "RUNTIME_BACKEND=hunyuan" in " ".join(of("cuda", "ENV"))
    shared = [line for line in stage("cpu") if "--from=program" in line or "useradd" in line]
    assert len(shared) == 2
    assert [line for line in stage("cuda") if line in shared] == shared


def test_every_variable_of_the_images_is_a_setting() -> None:
    """A name that is misspelt would only be logged."""
    values = dict(re.findall(r"(RUNTIME_\w+)=(\S+)", " ".join([*of("cpu", "ENV"), *of("cuda", "ENV")])))
    assert not unknown_variables(values)
    # The images make that user; this system need not have it.
    assert Settings.from_environment(values | {"RUNTIME_USER": ""}).host == "0.0.0.0"


def test_the_rasterizer_is_built_for_the_torch_that_is_pinned() -> None:
    wanted = (ROOT / "runtime" / "requirements-cuda.txt").read_text(encoding="utf-8")
    pinned = (ROOT / "runtime" / "constraints-cuda.txt").read_text(encoding="utf-8")
    (torch,) = re.findall(r"^torch==(.+)$", wanted, re.MULTILINE)
    assert f"\ntorch=={torch}\n" in pinned
    (wheels,) = re.findall(r"^nvidia-cuda-runtime-cu12==(\d+\.\d+)", pinned, re.MULTILINE)
    assert set(re.findall(r"nvidia/cuda:(\d+\.\d+)", RUNTIME)) == {wheels}


def test_no_blender_and_no_notice_forgotten() -> None:
    assert not re.search(r"\bbpy\b", "\n".join(instructions(RUNTIME)))
    text = " ".join(stage("cuda-packages"))
    assert "/build/hunyuan/LICENSE" in text
    assert "is licensed under the Tencent Hunyuan 3D 2.1 Community License Agreement" in text
    assert "COPY --from=cuda-packages /opt/hunyuan /opt/hunyuan" in stage("cuda")


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.parent.name)
def test_no_build_needs_a_secret_or_a_newer_frontend(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.startswith("# syntax=")
    assert "<<" not in text
    assert "HF_TOKEN" not in text
    assert not re.search(r"^(ARG|ENV) .*(TOKEN|SECRET|PASSWORD|KEY)", text, re.MULTILINE)


def test_only_what_is_named_reaches_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!constraints.txt",
        "!emulator",
        "!gltf",
        "!LICENSE",
        "!meshtwin/__init__.py",
        "!meshtwin/whole_answers.py",
        "!minecraft",
        "!runtime",
    }


def test_the_emulators_image_knows_its_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nARG VERSION={version}\n" in (ROOT / "emulator" / "Dockerfile").read_text(encoding="utf-8")


def test_no_token_is_handed_to_a_container_that_serves() -> None:
    assert "TOKEN" not in (ROOT / "compose.yaml").read_text(encoding="utf-8")
