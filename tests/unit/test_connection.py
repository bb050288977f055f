"""Nothing that a person's shell has of other places is in force where a profile has services of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

import boto3
import pytest

from meshtwin.cloud import clients
from meshtwin.cloud.connection import beside_proxies, connect, use, without_aws
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.local.stack.state import State, noted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRINTED = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:2",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://127.0.0.1:2",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@pytest.fixture(autouse=True)
def strange_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """One that is used for AWS, with a profile that is nobody's here, behind a proxy."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\nuse_fips_endpoint = true\n")
    before = dict(os.environ)
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL_S3": "http://elsewhere",
        "AWS_SESSION_TOKEN": "old",
        "AWS_CONFIG_FILE": str(config),
        "HTTP_PROXY": "http://proxy:3128",
        "no_proxy": "corp.example",
        "MESHTWIN_STATE_DIR": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    yield
    os.environ.clear()
    os.environ.update(before)


def check() -> None:
    assert clients.s3().meta.endpoint_url == "http://127.0.0.1:1"
    assert clients.sagemaker().meta.endpoint_url == "http://127.0.0.1:2"
    assert clients.s3().meta.region_name == "eu-west-1"
    credentials = boto3.session.Session().get_credentials()
    assert credentials is not None
    assert credentials.token is None
    assert proxy_bypass("127.0.0.1:2")
    assert proxy_bypass("corp.example")


def test_the_settings_of_a_running_up_alone_are_in_force() -> None:
    with noted(State("embedded", PRINTED, "", {})):
        assert connect().region == "eu-west-1"
    check()


def test_settings_that_were_exported_by_hand_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRINTED.items():
        monkeypatch.setenv(name, value)
    connect()
    check()


def test_children_get_nothing_of_it_either() -> None:
    found = without_aws()
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"} & found.keys()
    assert found["AWS_CONFIG_FILE"] == os.devnull
    assert "127.0.0.1" in found["NO_PROXY"].split(",")


def test_without_a_proxy_nothing_is_said_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert beside_proxies() == {}


def test_names_of_ones_own_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_NAME", "mine")
    use(PRINTED | {"ENDPOINT_NAME": "theirs"})
    assert os.environ["ENDPOINT_NAME"] == "mine"


def test_a_child_that_ends_is_told_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import os, time\nos.close(1)\ntime.sleep(0.2)\nos._exit(3)\n")
    environment = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    with (
        Child("ends", (), environment, tmp_path / "log") as child,
        pytest.raises(Exception, match="ends ended with exit code 3"),
    ):
        child.ready()
