"""Where the local profile's services are, by the environment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.local.docker.addresses import (
    free_port,
    localstack_port,
    localstack_url,
    new_project,
    project_name,
)
from meshtwin.cloud.local.docker.compose import compose_file


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        (None, None, 4566),
        (None, "14566", 14566),
        ("localhost", None, 4566),
        ("localhost", "14566", 14566),
        ("localhost:5000", "14566", 5000),
        ("127.0.0.1:5000", None, 5000),
    ],
)
def test_the_port_of_localstack(
    monkeypatch: pytest.MonkeyPatch, host: str | None, port: str | None, expected: int
) -> None:
    for name, value in (("LOCALSTACK_HOST", host), ("LOCALSTACK_PORT", port)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert localstack_port() == expected


@pytest.mark.parametrize("host", ["192.0.2.1:4566", "no-such-host.invalid:4566"])
def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", host)
    with pytest.raises(UsageError, match="not this machine"):
        localstack_port()


def test_the_url_is_not_that_of_another_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LOCALSTACK_HOST", "127.0.0.1:4566")
    assert localstack_url(5000) == "http://127.0.0.1:5000"


def test_names_and_ports_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    assert project_name() == "meshtwin"
    assert new_project() != new_project()
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_the_description_of_the_services_is_that_of_the_checkout() -> None:
    assert compose_file() == Path(__file__).parents[2] / "compose.yaml"
