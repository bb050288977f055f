"""Updates that fail, that meet running requests, and that a kill of the emulator cuts short."""

from __future__ import annotations

import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import make_endpoint, status_of
from tests.support.harness import CONTAINERS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.emulator import Running, Start

SCRIPT = ("--command", f"script={sys.executable} {CONTAINERS / 'script.py'}")


@pytest.fixture
def running(start_emulator: Start) -> Iterator[Running]:
    with start_emulator(options=SCRIPT) as emulator:
        yield emulator


def config_of(sagemaker: Any, name: str, *, timeout: int = 60, count: int = 1, **environment: str) -> str:
    config = f"{name}-{uuid.uuid4().hex[:6]}"
    sagemaker.create_model(ModelName=config, PrimaryContainer={"Image": "script", "Environment": environment})
    variant = {
        "VariantName": "v",
        "ModelName": config,
        "InitialInstanceCount": count,
        "InstanceType": "ml.g5.2xlarge",
        "ContainerStartupHealthCheckTimeoutInSeconds": timeout,
    }
    output = {"OutputConfig": {"S3OutputPath": f"s3://{name}-bucket/out"}}
    sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[variant], AsyncInferenceConfig=output
    )
    return config


def count_of(sagemaker: Any, name: str) -> int:
    variant = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]
    return int(variant["CurrentInstanceCount"])


def test_an_update_that_never_gets_healthy_rolls_back(running: Running, moto_url: str, name: str) -> None:
    sagemaker, runtime = running.client("sagemaker"), running.client("sagemaker-runtime")
    made = make_endpoint(sagemaker, moto_url, name)
    config = config_of(sagemaker, made.name, EXIT_AT_ONCE="1")
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    pending = sagemaker.describe_endpoint(EndpointName=name)["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == config
    runtime.invoke_endpoint_async(EndpointName=name, Body=b"served meanwhile")
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointConfigName"] == name
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "no weights in /opt/ml/model" in described["FailureReason"]
    answer = runtime.invoke_endpoint_async(EndpointName=name, Body=b"x")
    request_id = answer["OutputLocation"].rpartition("/")[2].removesuffix(".out")
    assert running.admin(f"/requests/{request_id}/await?timeout=10")["state"] == "completed"
    for used in (sagemaker, runtime):
        used.close()


def test_a_scale_out_that_fails_rolls_back_to_the_count_before(
    running: Running, moto_url: str, name: str, tmp_path: Path
) -> None:
    sagemaker = running.client("sagemaker")
    make_endpoint(sagemaker, moto_url, name)
    refuse = tmp_path / "refuse"
    config = config_of(sagemaker, name, EXIT_IF_THERE=str(refuse))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
    refuse.touch()
    wanted = [{"VariantName": "v", "DesiredInstanceCount": 3}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
    described = sagemaker.describe_endpoint(EndpointName=name)
    variant = described["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
    assert "did not pass the ping health check" in described["FailureReason"]
    sagemaker.close()


def test_the_old_instances_finish_what_they_have(
    running: Running, moto_url: str, name: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    sagemaker, runtime = running.client("sagemaker"), running.client("sagemaker-runtime")
    make_endpoint(sagemaker, moto_url, name)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config_of(sagemaker, name))
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
    body = f"wait {gate}".encode()
    location = runtime.invoke_endpoint_async(EndpointName=name, Body=body)["OutputLocation"]
    request_id = location.rpartition("/")[2].removesuffix(".out")
    wait_until(lambda: running.admin(f"/requests/{request_id}")["exchanges"])
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
    states = {one["state"] for one in running.admin("/instances")["instances"]}
    assert "draining" in states
    gate.touch()
    ended = running.admin(f"/requests/{request_id}/await?timeout=20")
    assert (ended["state"], ended["deliveries"]) == ("completed", 1)
    wait_until(lambda: len(running.admin("/instances")["instances"]) == 1)
    for used in (sagemaker, runtime):
        used.close()


@pytest.mark.parametrize("change", ["update", "capacity"])
def test_a_change_that_a_kill_cuts_short_is_taken_up_again(
    start_emulator: Start, moto_url: str, name: str, change: str
) -> None:
    prefix = f"cut-{uuid.uuid4().hex[:8]}"
    options = (*SCRIPT, "--set", "updating_seconds=600")
    with start_emulator(table_prefix=prefix, options=options) as first:
        sagemaker = first.client("sagemaker")
        make_endpoint(sagemaker, moto_url, name)
        config = config_of(sagemaker, name, count=2)
        if change == "update":
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        else:
            wanted = [{"VariantName": "v", "DesiredInstanceCount": 2}]
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=name, DesiredWeightsAndCapacities=wanted
            )
        assert status_of(sagemaker, name) == "Updating"
        first.process.kill()
        first.process.wait()
        sagemaker.close()
    with start_emulator(table_prefix=prefix, options=SCRIPT) as second:
        sagemaker = second.client("sagemaker")
        wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
        described = sagemaker.describe_endpoint(EndpointName=name)
        assert described["EndpointConfigName"] == (config if change == "update" else name)
        # What was there before comes back beside what the change starts.
        wait_until(lambda: count_of(sagemaker, name) == 2)
        sagemaker.close()


def test_an_endpoint_at_zero_is_at_zero_after_a_restart(
    start_emulator: Start, moto_url: str, name: str
) -> None:
    prefix = f"zero-{uuid.uuid4().hex[:8]}"
    with start_emulator(table_prefix=prefix) as first:
        sagemaker = first.client("sagemaker")
        make_endpoint(sagemaker, moto_url, name)
        wanted = [{"VariantName": "v", "DesiredInstanceCount": 0}]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=wanted
        )
        wait_until(lambda: status_of(sagemaker, name) == "InService", 30)
        sagemaker.close()
    with start_emulator(table_prefix=prefix) as second:
        assert second.admin("/instances")["instances"] == []
        [found] = second.admin("/endpoints")["endpoints"]
        assert (found["status"], found["desired_instances"], found["instances"]) == ("InService", 0, 0)
