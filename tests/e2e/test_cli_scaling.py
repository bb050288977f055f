"""An endpoint that `meshtwin up` lets go to zero: it does, says how long that takes, and is woken again."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.emulator import connected
from tests.support.processes import running_module
from tests.support.shell import PICTURE, QUICK, Shell, assert_all_gone, new_shell, running_up
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEED = 150
"""Fifteen idle minutes pass in 6 s, the two of waking in 0.8 s."""

LOOK_SECONDS = 0.3
"""Between two looks at a status: each is a dozen calls."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = new_shell(tmp_path_factory.mktemp("shell"))
    with running_up(shell, "--scale-to-zero", "--speed", str(SPEED)) as (process, children):
        yield shell
        if process.poll() is None:  # the last test ends it otherwise
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        else:
            assert process.returncode == 7
    assert_all_gone(children)


def status(shell: Shell) -> dict[str, Any]:
    # The exit code is 7 while the endpoint is Updating.
    found: dict[str, Any] = json.loads(shell.here("status", "--json").stdout)
    return found


def instances(shell: Shell) -> int:
    return len(status(shell)["instances"])


def said(shell: Shell) -> str:
    """What `up` has said so far, without the lines around it."""
    return " ".join((shell.folder / "stderr.txt").read_text().replace("│", " ").split())


def test_to_zero_and_back(shell: Shell) -> None:
    wait_until(lambda: "scales to zero within 6 s without work at --speed 150" in said(shell))
    assert "waits about 0.8 s" in said(shell)
    wait_until(lambda: instances(shell) == 0, 60, LOOK_SECONDS)
    wait_until(lambda: status(shell)["endpoint"]["status"] == "InService", pause=LOOK_SECONDS)
    # At full speed it might be awake before anybody has looked.
    shell.json("clock", "--speed", "6")
    submit = shell.start("submit", "--image", str(PICTURE), "--output-prefix", "out/woken", "--params", QUICK)
    wait_until(lambda: "waiting for an instance: the endpoint is at zero" in said(shell), 60)
    assert "woken about 20 s after a request" in said(shell)
    shell.json("clock", "--speed", str(SPEED))
    assert submit.wait(100) == 0, said(shell)
    assert (shell.folder / "out" / "woken" / "textured.glb").read_bytes()[:4] == b"glTF"


def test_scaling_is_awss_recommended_pair(shell: Shell) -> None:
    environment = status(shell)["environment"]
    scaling = connected("application-autoscaling", environment)
    cloudwatch = connected("cloudwatch", environment)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 1)
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert {policy["PolicyType"] for policy in policies} == {"TargetTrackingScaling", "StepScaling"}
    (step,) = (policy for policy in policies if policy["PolicyType"] == "StepScaling")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["hunyuan3d-async-v2-HasBacklogWithoutCapacity"])[
        "MetricAlarms"
    ]
    assert alarm["AlarmActions"] == [step["PolicyARN"]]
    scaling.close()
    cloudwatch.close()


def test_buckets_that_vanished_are_made_again(shell: Shell) -> None:
    s3 = connected("s3", status(shell)["environment"])
    for listed in s3.list_objects_v2(Bucket="meshtwin-images").get("Contents", []):
        s3.delete_object(Bucket="meshtwin-images", Key=listed["Key"])
    s3.delete_bucket(Bucket="meshtwin-images")

    def is_back() -> bool:
        return "meshtwin-images" in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}

    wait_until(is_back)
    wait_until(lambda: "came back without meshtwin-images" in said(shell))
    s3.close()


def test_a_dead_service_ends_up_with_its_last_words(shell: Shell) -> None:
    """The last test of this `up`."""
    wait_until(lambda: shell.here("status").returncode == 0, pause=LOOK_SECONDS)
    up = psutil.Process(status(shell)["up"]["pid"])
    (moto,) = running_module(up.children(recursive=True), "meshtwin.cloud.local.moto.server")
    moto.kill()
    wait_until(lambda: shell.here("status").returncode == 7, 60, LOOK_SECONDS)
    wait_until(lambda: "moto has ended" in (shell.folder / "stderr.txt").read_text(), 60)
    wait_until(lambda: up.status() == psutil.STATUS_ZOMBIE, 60)
