"""The SageMaker Python SDK's asynchronous predictor, unmodified, with and without a failure path.

Of the SDK's version 2, whose AsyncPredictor is the one in the field; in an environment of its own, as its
dependencies are none of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.emulator import make_endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from tests.support.emulator import Running

SDK = "sagemaker>=2.240,<3"
CLIENT = Path(__file__).with_name("sdk_client.py")


@pytest.fixture(scope="module")
def sdk() -> Path:
    """The interpreter of an environment with the SDK; made once, beside nox's own."""
    folder = Path(__file__).parents[2] / ".nox" / "sagemaker-sdk"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", SDK], check=True)
        (folder / "ready").touch()
    return python


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("with_failure_path", [False, True])
def test_the_asynchronous_predictor(
    sdk: Path,
    emulator: Running,
    sagemaker: SageMakerClient,
    moto_url: str,
    name: str,
    *,
    with_failure_path: bool,
) -> None:
    output = {"S3OutputPath": f"s3://{name}-bucket/out"}
    if with_failure_path:
        output["S3FailurePath"] = f"s3://{name}-bucket/failed"
    made = make_endpoint(sagemaker, moto_url, name, output=output)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ENDPOINT_URL_SAGEMAKER": emulator.url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [str(sdk), str(CLIENT), made.name, made.bucket],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["direct"], answer["later"]) == ({"question": 1}, {"question": 2})
    assert bool(answer["failure_path"]) == with_failure_path
