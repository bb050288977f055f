"""What is installed: one package, beside whatever else a project calls `runtime` or `cloud`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gltf", "runtime", "emulator", "minecraft", "cloud")
DATA = (
    "cloud/local/moto/server.py",
    "emulator/bedrock/pictograms.json.gz",
    "emulator/sagemaker/admin/page.html",
    "emulator/sagemaker/fleet/instance_types.csv",
    "minecraft/voxel/blocks/palette.csv",
    "minecraft/voxel/blocks/palette_since.csv",
    "py.typed",
)

BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
IMPORT = """
import runtime, cloud
from meshtwin.cloud.cli.app import application
from meshtwin.emulator.sagemaker.fleet.instance_types import instance_types
from meshtwin.minecraft.voxel.blocks.palette import load_palette
assert instance_types() and load_palette("default")
print(runtime.OWNER, cloud.OWNER)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as a build leaves files beside what it builds."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in (*PACKAGES, "meshtwin"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-c", BUILD, str(built)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = built.glob("*.whl")
    return path


def test_a_wheel_holds_one_package_with_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {"meshtwin", "meshtwin-0.1.0.dist-info"}
    assert {f"meshtwin/{name}" for name in DATA} <= set(names)
    sources = {
        f"meshtwin/{path.relative_to(ROOT)}" for name in PACKAGES for path in (ROOT / name).rglob("*.py")
    }
    sources |= {f"meshtwin/{path.name}" for path in (ROOT / "meshtwin").glob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources


def test_it_lives_beside_a_project_with_modules_of_those_names(wheel: Path, tmp_path: Path) -> None:
    installed, project = tmp_path / "installed", tmp_path / "project"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (project / "cloud").mkdir(parents=True)
    (project / "cloud" / "__init__.py").write_text("OWNER = 'theirs'\n")
    (project / "runtime.py").write_text("OWNER = 'theirs'\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=project,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("theirs theirs\n", "")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_package_goes_by_its_folders_name(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert f"No module named '{name}'" in done.stderr
