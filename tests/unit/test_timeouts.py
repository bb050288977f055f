"""Client < function < the worker's patience: else work is handed out, and paid for, twice at a time."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.cloud.createbuild.functions import Function, functions
from meshtwin.cloud.createbuild.manifest import write_manifest
from meshtwin.cloud.profiles import load_profile
from meshtwin.cloud.resources import EXPIRE_AFTER_DAYS
from meshtwin.emulator.lambda_.manifest import load
from meshtwin.minecraft import timeouts
from meshtwin.minecraft.images import upload
from meshtwin.minecraft.images.bedrock import bedrock_client
from meshtwin.minecraft.jobs.table import DEFAULT_TTL_SECONDS
from meshtwin.minecraft.lambdas import clients, glb_to_vox
from meshtwin.minecraft.settings import (
    MAX_ACTIVE_JOBS,
    SettingsError,
    SubmitSettings,
    WorkerSettings,
)

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS: dict[str, Any] = {entry.name: entry.default for entry in fields(WorkerSettings)}
API_GATEWAY_SECONDS = 30


def made() -> dict[str, Function]:
    """The functions, by their handler's module."""
    found = functions(load_profile("embedded", {}), "token")
    return {function.handler.split(".")[-2]: function for function in found}


def limits(client: Any) -> timeouts.ClientTimeout:  # of any service
    config = client.meta.config
    return timeouts.ClientTimeout(
        config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]
    )


@pytest.mark.usefixtures("aws")
def test_every_client_gives_up_before_its_function_is_killed() -> None:
    used = [clients.dynamodb(), clients.s3(), clients.functions(), clients.sagemaker_runtime(), clients.ssm()]
    for client in used:
        assert limits(client) == timeouts.AWS
    assert all(timeouts.AWS.longest < function.timeout for function in made().values())
    assert limits(bedrock_client("us-west-2")) == timeouts.MODEL
    both = timeouts.MODEL_CALLS * timeouts.MODEL.longest
    assert both + timeouts.AWS.longest / timeouts.AWS.attempts < made()["text_to_image"].timeout


def test_every_function_is_over_before_whoever_waits_for_it_gives_up() -> None:
    found = made()
    assert found["submit"].timeout < API_GATEWAY_SECONDS
    assert found["status"].timeout < API_GATEWAY_SECONDS
    assert found["worker"].timeout < DEFAULTS["lease_seconds"]
    for module, setting in (
        ("text_to_image", "image_timeout_seconds"),
        ("glb_to_vox", "voxel_timeout_seconds"),
    ):
        step = found[module]
        assert step.maximum_age + step.timeout < DEFAULTS[setting]
        assert step.retries == 0, "the worker alone tries again"
        assert step.on_failure == found["worker"].name


def test_the_hosts_manifest_has_what_becomes_of_failed_events(tmp_path: Path) -> None:
    write_manifest(made().values(), tmp_path / "functions.toml")
    hosted = {function.name: function for function in load(tmp_path / "functions.toml")}
    for function in made().values():
        one = hosted[function.name]
        assert (one.retries, one.maximum_age, one.on_failure, one.timeout, one.memory) == (
            *(function.retries, function.maximum_age, function.on_failure),
            *(function.timeout, function.memory),
        )
        assert one.concurrency == function.concurrency


def test_the_hosts_manifest_holds_any_text(tmp_path: Path) -> None:
    given = {"IMAGE_MODEL_ID": 'a "model" \\ \U0001f409 \u00e9\t\x1f'}
    write_manifest(functions(load_profile("embedded", {}), "token", given), tmp_path / "functions.toml")
    found = load(tmp_path / "functions.toml")
    assert {function.environment["IMAGE_MODEL_ID"] for function in found} == set(given.values())


def test_what_a_function_may_take_fits_into_it() -> None:
    assert 2 * glb_to_vox.MAX_MODEL_BYTES <= 512 * 1024 * 1024, "Lambda's own folder has 512 MB"
    decoded = max(upload.MAX_PIXELS["JPEG"] * 3, upload.MAX_PIXELS["PNG"] * 8, upload.MAX_PIXELS["WEBP"] * 12)
    assert decoded / 1024**2 + 200 < made()["text_to_image"].memory


def test_objects_lie_longer_than_the_rows_that_name_them() -> None:
    assert set(EXPIRE_AFTER_DAYS) == {"jobs/", "inputs/", "async-input/", "async-output/", "async-failures/"}
    assert min(EXPIRE_AFTER_DAYS.values()) * 86_400 > DEFAULT_TTL_SECONDS


@pytest.mark.parametrize("value", ["0", str(MAX_ACTIVE_JOBS + 1)])
def test_the_number_of_places_is_bounded(value: str) -> None:
    needed = {"INPUT_BUCKET": "b", "ASYNC_IO_BUCKET": "b", "WORKER_FUNCTION": "w"}
    with pytest.raises(SettingsError, match=f"MAX_ACTIVE_JOBS '{value}': expected a whole number, 1 to 100"):
        SubmitSettings.from_environment({**needed, "MAX_ACTIVE_JOBS": value})
    settings = SubmitSettings.from_environment({**needed, "PLAYER_COOLDOWN_SECONDS": "0"})
    assert settings.player_cooldown_seconds == 0
