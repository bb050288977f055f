from __future__ import annotations

import pytest

from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.profiles import PROFILES, load_profile, profile_name


def test_embedded_is_the_default() -> None:
    assert load_profile().name == "embedded"


def test_an_argument_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHTWIN_PROFILE", "sagemaker")
    assert profile_name() == "sagemaker"
    assert profile_name("local") == "local"


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'lokal': expected one of embedded, local, sagemaker"):
        profile_name("lokal")


@pytest.mark.parametrize("name", PROFILES)
def test_names_come_from_the_environment(name: str) -> None:
    profile = load_profile(
        name, {"ENDPOINT_NAME": "mine", "INPUT_BUCKET": "pictures", "AWS_REGION": "eu-west-1"}
    )
    assert profile.names.endpoint_name == "mine"
    assert profile.names.input_bucket == "pictures"
    assert profile.names.model_name == "hunyuan3d-model-v2"
    assert profile.region == "eu-west-1"


def test_buckets_on_aws_have_no_default() -> None:
    assert load_profile("sagemaker", {}).names.async_io_bucket == ""
    assert load_profile("embedded", {}).names.async_io_bucket == "meshtwin-pipeline"


def test_a_connection_leads_every_sdk_to_the_emulator() -> None:
    connection = (
        load_profile("embedded", {})
        .with_endpoints(store="http://store", emulator="http://emulator")
        .environment()
    )
    assert connection["AWS_ENDPOINT_URL"] == "http://store"
    assert connection["AWS_ENDPOINT_URL_SAGEMAKER"] == "http://emulator"
    assert connection["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == "http://emulator"
    assert connection["AWS_ACCESS_KEY_ID"]
    assert connection["ENDPOINT_NAME"] == "hunyuan3d-async-v2"


def test_on_aws_the_sdk_keeps_its_own_endpoints_and_credentials() -> None:
    connection = load_profile("sagemaker", {"AWS_REGION": "us-west-2"}).environment()
    assert connection["AWS_REGION"] == "us-west-2"
    assert not {name for name in connection if "ENDPOINT_URL" in name or "KEY" in name}
