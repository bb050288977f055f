"""The functions' pages name the variables that the code reads, with their defaults, and the API's fields."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from meshtwin.minecraft.api.parse import FIELDS
from meshtwin.minecraft.api.status import STAGES, StatusContext, describe
from meshtwin.minecraft.contract import VoxelTask
from meshtwin.minecraft.jobs.job import Job
from meshtwin.minecraft.jobs.states import TRANSITIONS
from meshtwin.minecraft.lambdas import ROUTES
from meshtwin.minecraft.request import BuildRequest
from meshtwin.minecraft.settings import (
    AuthSettings,
    StatusSettings,
    SubmitSettings,
    VoxelSettings,
    WorkerSettings,
)

SERVICES = Path(__file__).parents[2] / "docs" / "services"
READ: dict[str, tuple[type, ...]] = {
    "lambda-submit": (SubmitSettings, AuthSettings),
    "lambda-status": (StatusSettings, AuthSettings),
    "lambda-worker": (WorkerSettings,),
}


def page(name: str) -> str:
    return (SERVICES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READ)
def test_each_variable_is_on_its_page_with_its_default(name: str) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", page(name), re.MULTILINE)
    documented = {variable: default.strip(" `") for variable, default in rows}
    entries = {entry.name.upper(): entry.default for kind in READ[name] for entry in fields(kind)}
    assert documented.keys() == entries.keys()
    for variable, default in entries.items():
        if default is MISSING:
            assert documented[variable] == "must be set"
        elif default:
            assert documented[variable] == str(default)


def test_the_apis_page_has_every_route_field_and_stage() -> None:
    text = page("build-api")
    for route in ROUTES:
        assert f"`{route}`" in text
    for field in FIELDS:
        assert f"`{field}`" in text
    for stage, _ in STAGES.values():
        assert stage in text


def test_the_apis_page_has_every_field_of_a_status() -> None:
    around = StatusContext(0, "bucket", 0, 0, {}, str, 60)
    for field in describe(Job("0123456789ab", BuildRequest("a cat")), around):
        assert f"`{field}`" in page("build-api"), field


def test_the_tables_page_has_every_transition() -> None:
    for state, following in TRANSITIONS.items():
        if following:
            (row,) = re.findall(rf"^\| {state} \| (.*) \|$", page("job-table"), re.MULTILINE)
            assert set(row.split(", ")) == {str(one) for one in following}


def test_the_voxel_steps_page_has_its_settings_and_what_it_is_asked() -> None:
    text = page("lambda-glb-to-vox")
    for entry in fields(VoxelSettings):
        assert f"| `{entry.name.upper()}` |" in text
    for name in VoxelTask("0123456789ab", "s3://b/m.glb", "s3://b/").to_event():
        assert f'"{name}"' in text
    for outcome in ("built", "kept", "object_not_found", "mesh_too_large", "voxels_failed"):
        assert f"`{outcome}`" in text
