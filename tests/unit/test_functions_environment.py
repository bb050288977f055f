from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.lambda_.environment import function_environment, own_endpoints
from meshtwin.emulator.lambda_.manifest import Function

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://127.0.0.1:8471", "http://127.0.0.1:8471"),
        ("http://0.0.0.0:8471", "http://127.0.0.1:8471"),
        ("http://[::]:8471", "http://[::1]:8471"),
    ],
)
def test_functions_call_an_address_that_can_be_called(url: str, called: str) -> None:
    assert own_endpoints(url, ["lambda", "bedrock-runtime"]) == {
        "AWS_ENDPOINT_URL_LAMBDA": called,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": called,
    }


def test_of_the_hosts_environment_aws_settings_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("EDITOR", "ed")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    own = {"AWS_ENDPOINT_URL_S3": "http://own", "COLOUR": "red"}
    function = Function(name="f", handler="a.b", code=tmp_path, environment=own)
    found = function_environment(
        function, region="us-east-1", endpoints={"AWS_ENDPOINT_URL_LAMBDA": "x"}, stream="s", scratch="t"
    )
    assert (found["AWS_ENDPOINT_URL"], found["AWS_ENDPOINT_URL_LAMBDA"]) == ("http://store", "x")
    assert (found["AWS_REGION"], found["AWS_DEFAULT_REGION"]) == ("us-east-1", "us-east-1")
    assert (found["AWS_ENDPOINT_URL_S3"], found["COLOUR"], found["TMPDIR"]) == ("http://own", "red", "t")
    assert found.keys().isdisjoint({"EDITOR", "PYTHONPATH"})
