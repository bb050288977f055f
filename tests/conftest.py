"""What every test may use: a clean environment, and a real server for the profile's AWS services."""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore
import pytest
from hypothesis import settings
from werkzeug.serving import make_server

from meshtwin.cloud.local.moto.app import moto_app
from meshtwin.cloud.local.moto.handler import Handler
from meshtwin.cloud.profiles import PROFILES, load_profile
from tests.support.emulator import (
    ECHO_PROCESS,
    IMAGES,
    Made,
    Running,
    Start,
    make_endpoint,
    run_emulator,
    tear_down,
)
from tests.support.parity_plugin import ParityReport, snapshot_path
from tests.support.reached import Reached
from tests.support.service_models import read_service_models_once
from tests.support.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient


# How long an example takes says something of the machine alone, and a red run is one that a change made.
# `--hypothesis-profile explore` looks for examples that nobody has seen yet.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")

read_service_models_once()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "the contract suite, tests/contract")
    group.addoption("--profile", default="embedded", choices=PROFILES, help="run it against this profile")
    group.addoption("--record", action="store_true", help="keep AWS's answers under fixtures/contract")
    group.addoption("--parity-report", type=Path, help="write what was found to this JSON file")
    soak = parser.getgroup("soak", "tests that are long by nature")
    soak.addoption(
        "--soak-minutes", type=float, help="start no soak test that would end after so many minutes"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.record and config.option.profile != "sagemaker":
        raise pytest.UsageError("--record keeps what AWS answers: it needs --profile sagemaker")
    if config.option.parity_report is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ParityReport(config.option.parity_report))


_STARTED = time.monotonic()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there is no time for all soak tests, each run takes others first, after the longest.

    Those come first in equal parts of the list: workers begin with a part each.
    """
    if config.option.soak_minutes is None:
        return
    run = getattr(config, "workerinput", {}).get("testrunuid")  # the same in all workers of a run
    random.Random(run).shuffle(items)  # noqa: S311  # not to be secret
    longest = [item for item in items if _soak_seconds(item) >= _LONG_SECONDS]
    others = [item for item in items if item not in longest]
    size = -(-len(others) // max(1, len(longest)))
    for number, item in enumerate(longest):
        others.insert(number * (size + 1), item)
    items[:] = others


_LONG_SECONDS = 100.0


def _soak_seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("soak")
    return 0.0 if mark is None else float(mark.kwargs["seconds"])


def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.option.soak_minutes
    if minutes is None:
        return
    left = minutes * 60 - (time.monotonic() - _STARTED)
    needed = _soak_seconds(item)
    if left < needed:
        pytest.skip(
            f"it takes about {needed:g} s; of the {minutes:g} minutes for soak tests {left:.0f} s are left"
        )


@pytest.fixture(scope="session")
def profile(pytestconfig: pytest.Config) -> str:
    """The profile that the contract suite runs against."""
    return str(pytestconfig.option.profile)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    """No setting of the person running the tests reaches them, and none reaches AWS, unless asked for."""
    if profile == "sagemaker":
        return
    for name in list(os.environ):
        if name.startswith(("AWS_", "MESHTWIN_", "RUNTIME_", "EMULATOR_", "SAGEMAKER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def moto_url(profile: str) -> Iterator[str]:
    """S3, DynamoDB, SNS and CloudWatch of this test run's own: moto's server, on `local` LocalStack.

    Empty where the SDK's own settings lead somewhere.
    """
    if profile == "sagemaker":
        os.environ.update(load_profile(profile).environment())
        yield ""
        return
    if profile == "local":
        # Nobody else needs what it imports.
        from tests.support.localstack import localstack  # noqa: PLC0415

        with localstack() as started:
            yield started.url
        return
    server = make_server("127.0.0.1", 0, moto_app(), threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of S3, DynamoDB, SNS and CloudWatch; the environment points every AWS client at it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return moto_url


@pytest.fixture
def s3(aws: str) -> Iterator[S3Client]:
    client = boto3.client("s3", endpoint_url=aws)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """A new, empty bucket."""
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def launcher(profile: str) -> Iterator[tuple[str, ...]]:
    """The emulator's options that say what an image is: a process, on `local` a container."""
    if profile != "local":
        yield ECHO_PROCESS
        return
    from tests.support.images import echo_images  # noqa: PLC0415  # nobody else needs Docker

    with echo_images():
        yield IMAGES


@pytest.fixture(scope="session")
def start_emulator(
    moto_url: str, launcher: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Start:
    """Start one more emulator: `with start_emulator(table_prefix=..., options=(...)) as running`."""
    if not moto_url:
        pytest.skip("needs an emulator of its own")

    def start(store_url: str = moto_url, **options: Any) -> AbstractContextManager[Running]:
        options.setdefault("launcher", launcher)
        return run_emulator(store_url, tmp_path_factory.mktemp("emulator"), **options)

    return start


@pytest.fixture(scope="session")
def emulator(moto_url: str, request: pytest.FixtureRequest) -> Iterator[Running | Reached]:
    """The emulator that most tests share, or what the profile has in its place."""
    if not moto_url:
        yield Reached()
        return
    start_emulator: Start = request.getfixturevalue("start_emulator")
    with start_emulator() as running:
        yield running


@pytest.fixture(scope="session")
def sagemaker(emulator: Running) -> Iterator[SageMakerClient]:
    made = emulator.client("sagemaker")
    yield made
    made.close()


@pytest.fixture(scope="session")
def runtime(emulator: Running) -> Iterator[SageMakerRuntimeClient]:
    made = emulator.client("sagemaker-runtime")
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def leftovers(profile: str) -> Iterator[None]:
    """On a profile that outlives the tests, what they have made is deleted at the end."""
    yield
    if profile == "sagemaker":
        tear_down()


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Iterator[Snapshot]:
    """Holds answers to what AWS gave, or, with --record, keeps them."""
    record = bool(request.config.option.record)
    about = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "botocore": botocore.__version__}
    kept = Snapshot(snapshot_path(request.node), request.node.originalname, record=record, about=about)
    yield kept
    kept.close()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def endpoint(sagemaker: SageMakerClient, moto_url: str) -> Made:
    """An asynchronous endpoint in service, shared."""
    return make_endpoint(sagemaker, moto_url, f"Shared-{uuid.uuid4().hex[:8]}")
