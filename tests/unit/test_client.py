"""Nothing that a person's shell has of other places is in force where a profile has services of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.client import Client, client_of, connect
from meshtwin.cloud.environment import no_proxy_settings, without_aws
from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.profiles import load_profile
from meshtwin.cloud.state import State, state_file

if TYPE_CHECKING:
    from pathlib import Path

PRINTED = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:2",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://127.0.0.1:2",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@pytest.fixture(autouse=True)
def strange_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that is used for AWS, with a profile that is nobody's here, behind a proxy."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\nuse_fips_endpoint = true\n")
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL_S3": "http://elsewhere",
        "AWS_SESSION_TOKEN": "old",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CONFIG_FILE": str(config),
        "HTTP_PROXY": "http://proxy:3128",
        "no_proxy": "corp.example",
        "MESHTWIN_STATE_DIR": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)


def check(client: Client) -> None:
    s3, sagemaker = client.aws.s3, client.aws.sagemaker
    assert s3.meta.endpoint_url == "http://127.0.0.1:1"
    assert sagemaker.meta.endpoint_url == "http://127.0.0.1:2"
    assert s3.meta.region_name == "eu-west-1"
    assert s3.meta.config.proxies == {}  # type: ignore[attr-defined]  # botocore's own
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AWSAccessKeyId=key&" in url
    assert "token" not in url.lower()
    assert client.emulator is not None
    assert (client.emulator.url, client.emulator.key) == ("http://127.0.0.1:2", "key")


def test_the_settings_of_a_running_up_alone_are_in_force() -> None:
    before = dict(os.environ)
    with state_file(State("embedded", PRINTED, "", {})):
        client = connect()
    assert client.profile.region == "eu-west-1"
    check(client)
    assert os.environ == before


def test_settings_that_were_exported_by_hand_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRINTED.items():
        monkeypatch.setenv(name, value)
    check(connect())


def test_without_either_one_is_told_what_to_do() -> None:
    with pytest.raises(UnavailableError, match="start `meshtwin up --profile embedded`"):
        connect()


def test_what_up_prints_leads_back_to_the_same_services() -> None:
    profile = load_profile("embedded", {}).with_new_key()
    profile = profile.with_endpoints(
        store="http://store", emulator="http://emulator", serverless="http://functions"
    )
    found = client_of(load_profile("embedded", {}), profile.environment(), {}).profile
    assert found == profile
    assert found.endpoint_url("dynamodb") == "http://store"
    assert found.endpoint_url("application-autoscaling") == "http://emulator"
    assert found.endpoint_url("bedrock-runtime") == "http://functions"


def test_children_get_nothing_of_it_either() -> None:
    found = without_aws(os.environ)
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"} & found.keys()
    assert found["AWS_CONFIG_FILE"] == os.devnull
    assert {"127.0.0.1", "corp.example"} <= set(found["NO_PROXY"].split(","))


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    assert no_proxy_settings({"no_proxy": "corp.example"}) == {}


def test_names_of_ones_own_are_kept() -> None:
    printed = PRINTED | {"ENDPOINT_NAME": "theirs", "MODEL_NAME": "model"}
    names = client_of(load_profile("embedded", {}), printed, {"ENDPOINT_NAME": "mine"}).profile.names
    assert (names.endpoint_name, names.model_name) == ("mine", "model")


def test_a_child_that_ends_is_told_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import os, time\nos.close(1)\ntime.sleep(0.2)\nos._exit(3)\n")
    environment = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    with (
        Child("ends", (), environment, tmp_path / "ends.log") as child,
        pytest.raises(Exception, match="ends ended with exit code 3"),
    ):
        child.ready()
