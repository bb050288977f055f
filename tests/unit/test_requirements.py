"""Each package lists just what it imports, so that an image with one package in it needs no other's list."""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
OURS = {"gltf", "runtime", "emulator", "minecraft", "cloud"}
LISTED = {name: ROOT / name / "requirements.txt" for name in sorted(OURS)}

USED_UNSEEN = {
    "gltf": set[str](),
    "runtime": {"httptools"},  # uvicorn takes it where it is installed
    "emulator": {"httptools"},  # same
    "minecraft": set[str](),
    "cloud": {"flask", "flask-cors"},  # moto's server imports them, and asks for them only as an extra
}


class _Imports(ast.NodeVisitor):
    """Modules that files import as they are loaded, and those that they import in a function, later."""

    def __init__(self) -> None:
        self.loading: set[str] = set()
        self.later: set[str] = set()
        self._inside = 0

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._found(name.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self._found(node.module)

    def _found(self, module: str) -> None:
        (self.later if self._inside else self.loading).add(module.partition(".")[0])


def imports(package: str) -> _Imports:
    found = _Imports()
    for path in (ROOT / package).rglob("*.py"):
        found.visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def distributions(modules: set[str]) -> set[str]:
    """Who brings the modules, less Python and this project."""
    providers = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - {"meshtwin"}
    return {canonicalize_name(name) for module in foreign for name in providers.get(module, [module])}


def requirements(path: Path) -> Iterator[Requirement]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Requirement(line)


def listed(path: Path) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(path)}


CUDA = listed(ROOT / "runtime" / "requirements-cuda.txt")
FUNCTION = listed(ROOT / "minecraft" / "requirements-image.txt")


@pytest.mark.parametrize("package", LISTED)
def test_all_that_is_imported_is_listed(package: str) -> None:
    found = imports(package)
    assert distributions(found.loading) <= listed(LISTED[package])
    # What only the cuda image has is imported where a function needs it.
    assert distributions(found.later) <= listed(LISTED[package]) | CUDA


@pytest.mark.parametrize("package", LISTED)
def test_all_that_is_listed_is_used(package: str) -> None:
    found = imports(package)
    used = distributions(found.loading | found.later) | USED_UNSEEN[package]
    assert listed(LISTED[package]) <= used


def test_one_requirement_reads_the_same_everywhere() -> None:
    said: dict[str, set[str]] = {}
    for path in LISTED.values():
        for requirement in requirements(path):
            said.setdefault(requirement.name, set()).add(str(requirement))
    assert [name for name, ways in said.items() if len(ways) > 1] == []


def pins(path: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("package", LISTED)
def test_each_requirement_has_its_version(package: str) -> None:
    assert listed(LISTED[package]) <= set(pins(ROOT / "constraints.txt"))


def test_what_the_functions_image_has_besides_is_what_it_starts_and_has_its_version() -> None:
    (entrypoint,) = re.findall(
        r"^ENTRYPOINT (.+)$", (ROOT / "minecraft" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(json.loads(entrypoint)) - {"python", "-m"} == FUNCTION
    assert set(pins(ROOT / "constraints.txt")) >= FUNCTION


def test_the_cuda_image_has_the_versions_that_the_tests_have() -> None:
    shared, cuda = pins(ROOT / "constraints.txt"), pins(ROOT / "runtime" / "constraints-cuda.txt")
    assert listed(LISTED["gltf"]) | listed(LISTED["runtime"]) | CUDA <= set(cuda)
    # The tests' second opinion on meshes is the newest trimesh; upstream needs an old one.
    differ = {name for name in shared.keys() & cuda.keys() if not cuda[name] <= shared[name]} - {"trimesh"}
    assert differ == set()
