"""The command line as a person uses it: one `meshtwin up`, and the other commands beside it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import boto3
import psutil
import pytest
from PIL import Image

from tests.support.processes import running_module
from tests.support.shell import (
    PICTURE,
    QUICK,
    ROOT,
    Shell,
    assert_all_gone,
    frozen_worker,
    new_shell,
    only_for_aws,
    running_up,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_status_tells_what_is_running(shell: Shell) -> None:
    status = shell.json("status")
    assert status["endpoint"]["status"] == "InService"
    assert status["endpoint"]["instances"] == 1
    assert status["up"]["pid"]
    shown = shell.here("status").stdout
    assert "hunyuan3d-async-v2: InService" in shown
    assert status["page"] in shown.splitlines()[-2]
    assert "127.0.0.1" in status["environment"]["NO_PROXY"].split(",")


def test_a_second_up_is_refused(shell: Shell) -> None:
    done = shell.here("up")
    assert done.returncode == 7
    assert "already up" in done.stderr


def test_a_full_job_from_a_local_picture_to_local_models(shell: Shell) -> None:
    done = shell.here("submit", "--image", str(PICTURE), "--output-prefix", "out/full", "--params", QUICK)
    assert done.returncode == 0, done.stderr
    for name in ("shape", "textured"):
        assert (shell.folder / "out" / "full" / f"{name}.glb").read_bytes()[:4] == b"glTF"
    assert "watertight" in done.stdout
    assert "yes" in done.stdout
    assert not list((shell.folder / "out" / "full").glob(".*"))


def test_shape_then_paint(shell: Shell) -> None:
    shape = shell.here(
        *("submit", "--stage", "shape", "--image", str(PICTURE), "--output", "out/s.glb", "--params", QUICK)
    )
    assert shape.returncode == 0, shape.stderr
    paint = shell.json(
        *("submit", "--stage", "paint", "--image", str(PICTURE), "--shape", "out/s.glb"),
        *("--output", "out/p.glb", "--params", QUICK),
    )
    assert paint["response"]["metrics"]["watertight"] is True
    assert (shell.folder / "out" / "p.glb").read_bytes()[:4] == b"glTF"


def test_places_in_s3_and_a_bucket_of_ones_own(shell: Shell) -> None:
    settings = shell.json("status")["environment"]
    s3 = boto3.client(
        "s3",
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
    bucket = f"mine-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(PICTURE), bucket, "donut.png")
    shell.json(
        *("submit", "--image", f"s3://{bucket}/donut.png", "--output-prefix", f"s3://{bucket}/models/"),
        *("--io-bucket", bucket, "--params", QUICK),
    )
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {"models/shape.glb", "models/textured.glb", "donut.png"} <= keys
    assert any(key.startswith("async-input/") for key in keys)
    assert not any(key.endswith(".progress.json") for key in keys)
    s3.close()


def test_a_job_that_was_only_handed_in_can_be_waited_for(shell: Shell) -> None:
    ticket = shell.json(
        *("submit", "--image", str(PICTURE), "--output-prefix", "out/later", "--params", QUICK, "--no-wait")
    )
    assert not (shell.folder / "out" / "later").exists()
    done = shell.here("wait", ticket["inference_id"])
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "out" / "later" / "textured.glb").exists()


def test_a_picture_that_is_none_fails_with_the_containers_words(shell: Shell) -> None:
    (shell.folder / "bad.png").write_bytes(b"not a picture")
    done = shell.here("submit", "--image", "bad.png", "--output-prefix", "out/bad")
    assert done.returncode == 3
    assert "invalid_image" in done.stderr
    assert not (shell.folder / "out" / "bad").exists()


def test_a_result_that_cannot_be_put_there_stays_in_s3(shell: Shell) -> None:
    (shell.folder / "taken" / "shape.glb").mkdir(parents=True)
    done = shell.here("submit", "--image", str(PICTURE), "--output-prefix", "taken", "--params", QUICK)
    assert done.returncode == 1
    assert "cannot be downloaded to taken/shape.glb" in done.stderr


def test_a_job_that_runs_too_long_is_told_apart(shell: Shell) -> None:
    with frozen_worker(shell):
        done = shell.here("submit", "--image", str(PICTURE), "--invocation-timeout", "1")
    assert done.returncode == 5, done.stderr


def test_a_job_that_waited_too_long_is_told_apart(shell: Shell) -> None:
    with frozen_worker(shell):
        shell.json("submit", "--image", str(PICTURE), "--params", QUICK, "--no-wait")
        not_yet = shell.here("submit", "--image", str(PICTURE), "--ttl", "60", "--timeout", "0.1")
        assert not_yet.returncode == 6, not_yet.stderr
        assert "meshtwin wait" in not_yet.stderr
        shell.json("clock", "--advance", "61s")
        expired = shell.here("wait", not_yet.stderr.partition("meshtwin wait ")[2].partition("`")[0])
        assert expired.returncode == 4, expired.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["submit", "--image", "nowhere.png"], 2, "nowhere.png: no such file"),
        (["submit", "--image", str(PICTURE), "--params", '{"seed": -1}'], 2, "seed"),
        (["submit"], 2, "--image"),
        (["wait", "no-such-job"], 2, "no-such-job"),
        (["wait", "../../etc/passwd"], 2, "not a job's id"),
        (["status", "--profile", "lokal"], 2, "embedded, local, sagemaker"),
        (["up", "--profile", "local", "--data", "kept"], 2, "LocalStack's free edition loses all"),
        (["up", "--profile", "sagemaker", "--emulator", "elsewhere"], 2, "container"),
        (["demo", "nowhere.png"], 2, "nowhere.png: no such file"),
    ],
)
def test_wrong_usage(shell: Shell, arguments: list[str], code: int, words: str) -> None:
    done = shell.here(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_an_endpoint_that_is_not_there(shell: Shell) -> None:
    other = Shell(shell.folder, shell.environment | {"ENDPOINT_NAME": "other"})
    done = other.here("submit", "--image", str(PICTURE))
    assert done.returncode == 7
    assert "Endpoint other of account 123456789012 not found." in done.stderr
    assert other.here("status").returncode == 7


def test_the_readmes_python_runs(shell: Shell) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (shell.folder / "fixtures").symlink_to(ROOT / "fixtures")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("out/donut/textured.glb ")


def test_a_bucket_that_is_not_there(shell: Shell) -> None:
    done = Shell(shell.folder, shell.environment | {"INPUT_BUCKET": "no-such-bucket"}).here(
        "submit", "--image", str(PICTURE)
    )
    assert done.returncode == 7
    assert "cannot be uploaded to s3://no-such-bucket/" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sagemaker_profile_takes_the_same_way(shell: Shell) -> None:
    """Against services of the SDK's own settings, as on AWS: an account, a role and an image of its own."""
    settings = shell.json("status")["environment"]
    services = {name: value for name, value in settings.items() if name.startswith("AWS_")}
    credentials = {
        "aws_access_key_id": services["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": services["AWS_SECRET_ACCESS_KEY"],
        "region_name": services["AWS_REGION"],
    }
    iam = boto3.client("iam", endpoint_url=services["AWS_ENDPOINT_URL"], **credentials)
    iam.create_role(RoleName="hunyuan3d-sagemaker-role", AssumeRolePolicyDocument="{}")
    sagemaker = boto3.client("sagemaker", endpoint_url=services["AWS_ENDPOINT_URL_SAGEMAKER"], **credentials)
    names = {"ENDPOINT_NAME": "prod", "MODEL_NAME": "prod", "ENDPOINT_CONFIG_NAME": "prod"}
    buckets = dict.fromkeys(("INPUT_BUCKET", "OUTPUT_BUCKET", "ASYNC_IO_BUCKET"), "prod-bucket")
    aws = Shell(shell.folder, only_for_aws(shell) | services | names | buckets)
    with running_up(aws, profile="sagemaker") as (process, _):
        (found,) = sagemaker.list_models(NameContains="prod")["Models"]
        model = sagemaker.describe_model(ModelName=found["ModelName"])
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hunyuan3d-sagemaker:latest"
        assert model["PrimaryContainer"]["Image"] == image
        assert model["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/hunyuan3d-sagemaker-role"
        done = aws.here(
            *("submit", "--profile", "sagemaker", "--image", str(PICTURE)),
            *("--output-prefix", "out/prod", "--params", QUICK),
        )
        assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    wait_until(lambda: not sagemaker.list_endpoints(NameContains="prod")["Endpoints"])
    assert not sagemaker.list_models(NameContains="prod")["Models"]
    iam.close()
    sagemaker.close()


def test_the_sagemaker_profile_names_what_it_lacks(shell: Shell) -> None:
    settings = shell.json("status")["environment"]
    services = {name: value for name, value in settings.items() if name.startswith("AWS_")}
    done = Shell(shell.folder, only_for_aws(shell) | services).here("up", "--profile", "sagemaker")
    assert done.returncode == 2
    assert "INPUT_BUCKET" in done.stderr


def test_without_up_commands_say_so(tmp_path: Path) -> None:
    done = new_shell(tmp_path).here("submit", "--image", str(PICTURE))
    assert done.returncode == 7
    assert "meshtwin up" in done.stderr


def test_data_has_failed_endpoints_and_jobs_that_outlive_a_kill(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    broken = Shell(shell.folder, shell.environment | {"RUNTIME_BACKEND": "no.such.module:Backend"})
    done = broken.run("up", "--data", "data", "--set", "startup_attempts=1", timeout=200)
    assert done.returncode == 7
    assert "did not pass the ping health check" in done.stderr
    assert "no.such.module" in done.stderr
    assert not (tmp_path / "state" / "embedded.json").exists()
    with running_up(shell, "--data", "data") as (process, children):
        assert "had failed, and is created again" in (tmp_path / "stderr.txt").read_text()
        second = Shell(shell.folder, shell.environment | {"MESHTWIN_STATE_DIR": str(tmp_path / "other")})
        refused = second.here("up", "--data", "data")
        assert (refused.returncode, "another `meshtwin up` keeps its data there" in refused.stderr) == (
            7,
            True,
        )
        submit = ("submit", "--image", str(PICTURE), "--params", QUICK, "--no-wait")
        tickets = [shell.json(*submit, "--output-prefix", f"out/{number}") for number in range(3)]
        process.kill()
        process.wait()
    assert_all_gone(children)
    with running_up(shell, "--data", "data") as (process, children):
        for number, ticket in enumerate(tickets):
            done = shell.here("wait", ticket["inference_id"], "--timeout", "50")
            assert done.returncode == 0, done.stderr
            assert (shell.folder / "out" / str(number) / "textured.glb").exists()
        process.terminate()
        assert process.wait(60) == 0
    assert_all_gone(children)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGHUP])
def test_an_up_that_is_interrupted_while_it_starts_leaves_nothing(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    shell = new_shell(tmp_path)
    up = shell.start("up")
    children: list[psutil.Process] = []

    def has_started_something() -> bool:
        children[:] = psutil.Process(up.pid).children(recursive=True)
        return bool(children)

    wait_until(has_started_something, 40)
    up.send_signal(signal_number)
    assert up.wait(40) == 128 + signal_number
    assert_all_gone(children)


def test_the_demo_leaves_its_files_and_nothing_running(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    before = set(psutil.pids())
    done = shell.run("demo", str(PICTURE), timeout=280)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out" / "demo").iterdir()} == {
        "shape.glb",
        "textured.glb",
        "contact_sheet.png",
    }
    with Image.open(tmp_path / "out" / "demo" / "contact_sheet.png") as sheet:
        assert sheet.width > sheet.height
    assert "watertight" in done.stdout
    ours = [
        process
        for process in psutil.process_iter(["environ"])
        if process.pid not in before
        and str(tmp_path) in (process.info["environ"] or {}).get("MESHTWIN_STATE_DIR", "")
    ]
    assert not ours


def test_a_demo_that_is_ended_leaves_nothing_running(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    demo = shell.start("demo", str(PICTURE))
    children: list[psutil.Process] = []

    def has_an_emulator() -> bool:
        children[:] = psutil.Process(demo.pid).children(recursive=True)
        return bool(running_module(children, "emulator"))

    wait_until(has_an_emulator, 40)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(40) == 143
    assert_all_gone(children)
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
