"""A real emulator in a process of its own, in front of moto, and unmodified AWS clients to call it.

Every test here says with exactly one mark what its expectation rests on; collection fails without it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import Made, Running, make_endpoint, run_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

HERE = Path(__file__).parent
EVIDENCE = {"documented", "botocore_model", "field_report", "assumed"}

Start = Callable[..., "AbstractContextManager[Running]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            marks = EVIDENCE & {mark.name for mark in item.iter_markers()}
            if len(marks) != 1:
                raise pytest.UsageError(
                    f"{item.nodeid} has the marks {sorted(marks)}: expected exactly one of {sorted(EVIDENCE)}"
                )


@pytest.fixture(scope="session")
def start_emulator(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start one more emulator: `with start_emulator(table_prefix=..., options=(...)) as running`."""

    def start(store_url: str = moto_url, **options: Any) -> AbstractContextManager[Running]:
        return run_emulator(store_url, tmp_path_factory.mktemp("emulator"), **options)

    return start


@pytest.fixture(scope="session")
def emulator(start_emulator: Start) -> Iterator[Running]:
    """The emulator that most tests share: they choose names of their own."""
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


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def endpoint(sagemaker: SageMakerClient, moto_url: str) -> Made:
    """An asynchronous endpoint in service, shared."""
    return make_endpoint(sagemaker, moto_url, f"Shared-{uuid.uuid4().hex[:8]}")
