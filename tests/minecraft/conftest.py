"""A world for each test: moto's DynamoDB and S3, and a boundary that takes note of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.boundary import Boundary, run_boundary
from tests.support.build_jobs import World, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Boundary, str]]:
    """One for all tests: clients are kept for as long as addresses stay the same."""
    boundary = Boundary()
    with run_boundary(boundary) as url:
        yield boundary, url


@pytest.fixture
def boundary(served: tuple[Boundary, str]) -> Boundary:
    boundary, _ = served
    boundary.asked.clear()
    boundary.refuse.clear()
    boundary.before_answer = None
    return boundary


@pytest.fixture
def world(
    s3: S3Client,
    bucket: str,
    boundary: Boundary,
    served: tuple[Boundary, str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> World:
    """One place for jobs, or as many as the test's parameter says."""
    return make_world(s3, bucket, served[1], boundary, monkeypatch, getattr(request, "param", 1))
