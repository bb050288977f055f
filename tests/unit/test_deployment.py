"""What an endpoint is on its way to: taken up again after a restart, and after an error nobody expected."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.control_plane import deployment as deployment_module
from meshtwin.emulator.sagemaker.control_plane.deployment import Deployment
from meshtwin.emulator.sagemaker.control_plane.registry import Registry
from meshtwin.emulator.sagemaker.control_plane.resources import Arns, Endpoint, Kind, Status
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, LauncherAwayError
from meshtwin.emulator.sagemaker.settings import Settings
from tests.support.documents import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec

VARIANT = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
ENDPOINT = Endpoint(
    kind=Kind.ENDPOINT,
    name="e",
    arn="arn:e",
    created_at=0.0,
    params={"EndpointName": "e", "EndpointConfigName": "c"},
    config={"ProductionVariants": [VARIANT]},
    model={"PrimaryContainer": {"Image": "i"}},
    status=Status.IN_SERVICE,
)


class Fleets:
    """What is asked of them, and errors for the next calls that start something."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[str] = []

    def restore(self, spec: FleetSpec) -> None:
        self.calls.append(f"restore {spec.instance_count}")

    async def start(self, spec: FleetSpec) -> None:
        self.calls.append(f"start {spec.instance_count}")
        self._fail()

    async def scale(self, endpoint_name: str, instance_count: int) -> None:
        del endpoint_name
        self.calls.append(f"scale {instance_count}")
        self._fail()

    async def stop(self, endpoint_name: str) -> None:
        del endpoint_name
        self.calls.append("stop")

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


async def nothing(_: FleetSpec, __: Registry) -> None:
    pass


def drive(
    endpoint: Endpoint,
    fleets: Fleets,
    act: Callable[[Deployment, Endpoint], Awaitable[None] | None],
    on_deleted: Callable[[FleetSpec, Registry], Awaitable[None]] = nothing,
) -> Endpoint | None:
    """The endpoint after `act`, once it is on its way no more."""

    async def scenario() -> Endpoint | None:
        registry = Registry(MemoryDocuments(), Arns("us-east-1", "123456789012"), manual_clock())
        await registry.put(endpoint)
        made = Deployment(
            registry,
            fleets,
            lambda spec: on_deleted(spec, registry),
            None,  # type: ignore[arg-type]  # nothing here calls AWS
            manual_clock(),
            Settings(),
        )
        acting = act(made, endpoint)
        if acting is not None:
            await acting
        await made.wait_until_stable("e")
        await made.close()
        found = registry.find(Kind.ENDPOINT, "e")
        assert found is None or isinstance(found, Endpoint)
        return found

    return asyncio.run(scenario())


PENDING = {"desired_before": 1, "weight_before": None}


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({}, ["restore 1"]),
        ({"status": Status.CREATING}, ["start 1", "start 1"]),
        (
            {"status": Status.UPDATING, "desired_count": 3, "pending": PENDING},
            ["restore 1", "scale 3", "scale 3"],
        ),
    ],
)
def test_a_launcher_that_is_away_after_a_restart_fails_no_endpoint(
    changes: dict[str, object], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_module, "_FIRST_DELAY", 0.0)
    fleets = Fleets(LauncherAwayError("no engine"))
    endpoint = replace(ENDPOINT, **changes)  # type: ignore[arg-type]
    found = drive(endpoint, fleets, lambda made, _: made.resume())
    assert found is not None
    assert (found.status, found.pending, found.failure_reason) == (Status.IN_SERVICE, None, None)
    assert fleets.calls == calls


@pytest.mark.parametrize("error", [LauncherAwayError("no engine"), FleetFailedError("no engine")])
def test_an_endpoint_that_is_created_hears_of_it_at_once(error: FleetFailedError) -> None:
    found = drive(
        replace(ENDPOINT, status=Status.CREATING), Fleets(error), lambda made, endpoint: made.create(endpoint)
    )
    assert found is not None
    assert (found.status, found.failure_reason) == (Status.FAILED, "no engine")


def test_an_error_that_nobody_expected_leaves_no_endpoint_on_its_way() -> None:
    async def act(made: Deployment, endpoint: Endpoint) -> None:
        async def broken(_: Endpoint) -> None:
            raise RuntimeError("can't start new thread")

        made._announce = broken  # type: ignore[method-assign, assignment]
        made.rescale(endpoint)

    changing = replace(ENDPOINT, status=Status.UPDATING, desired_count=3, pending=PENDING)
    fleets = Fleets()
    found = drive(changing, fleets, act)
    assert found is not None
    assert (found.status, found.instance_count) == (Status.IN_SERVICE, 3)


def test_an_endpoint_is_gone_only_when_its_scalable_target_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtwin.emulator.sagemaker.control_plane.registry._RETRY_AFTER", 0.0)
    tried: list[str] = []

    async def deregister(spec: FleetSpec, registry: Registry) -> None:
        tried.append(spec.endpoint_name)
        assert registry.find(Kind.ENDPOINT, "e") is not None
        if len(tried) == 1:
            raise UnavailableError("the table is away")

    deleting = replace(ENDPOINT, status=Status.DELETING)
    found = drive(deleting, Fleets(), lambda made, endpoint: made.delete(endpoint), deregister)
    assert found is None
    assert tried == ["e", "e"]
