"""The `sagemaker` profile's endpoint: deleted by whoever made it, or named with what deletes it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from meshtwin.cloud.aws.owned_endpoint import endpoint_in_service
from meshtwin.cloud.client import Client, connect
from meshtwin.cloud.endpoint import describe_endpoint, removal_command
from meshtwin.cloud.errors import CloudError, UnavailableError
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.emulator import Running

EXPIRED = {"place": "api", "effect": "error", "status": 400}


@pytest.fixture
def account(aws: str, emulator: Running, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The profile, where the SDK's own settings lead to the shared emulator and its store."""
    for service in ("SAGEMAKER", "APPLICATION_AUTO_SCALING"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", emulator.url)
    iam = boto3.client("iam", endpoint_url=aws)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    iam.close()
    names = dict.fromkeys(
        ("ENDPOINT_NAME", "MODEL_NAME", "ENDPOINT_CONFIG_NAME", "EXECUTION_ROLE_NAME"), name
    )
    buckets = dict.fromkeys(("INPUT_BUCKET", "OUTPUT_BUCKET", "ASYNC_IO_BUCKET"), name)
    client = connect("sagemaker", names | buckets)
    yield client
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", emulator.url)
    emulator.send("/_emulator/faults", method="DELETE")
    wait_until(lambda: status(client) in (None, "InService"))
    if status(client):
        client.aws.sagemaker.delete_endpoint(EndpointName=name)


def status(client: Client) -> str | None:
    found = describe_endpoint(client.aws, client.profile.names.endpoint_name)
    return found.status if found else None


def models(client: Client) -> list[Any]:
    found = client.aws.sagemaker.list_models(NameContains=client.profile.names.model_name)
    return list(found["Models"])


def serve(client: Client, said: list[str], *, wanted: bool | None = False, **options: Any) -> Any:
    return endpoint_in_service(client, lambda _: None, said.append, scale_to_zero=wanted, **options)


def expire(emulator: Running, operation: str, code: str = "ExpiredTokenException") -> None:
    rule = json.dumps({**EXPIRED, "operation": operation, "code": code}).encode()
    emulator.send("/_emulator/faults", body=rule, headers={"Content-Type": "application/json"})


def test_it_is_announced_and_deleted_with_all_that_was_made(account: Client) -> None:
    said: list[str] = []
    with serve(account, said):
        assert status(account) == "InService"
        assert "ml.g5.2xlarge, billed by the hour" in said[0]
        assert removal_command(account.profile) in said[0]
    wait_until(lambda: status(account) is None)
    assert not models(account)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_one_that_is_still_being_made_is_named(
    account: Client, kind: type[BaseException], tmp_path: Path
) -> None:
    """SageMaker deletes no endpoint that is Creating."""
    said: list[str] = []
    unready = tmp_path / "unready"
    unready.touch()
    slow = dataclasses.replace(account, settings={"RUNTIME_UNREADY_WHILE": str(unready)})

    def interrupt(_words: str) -> None:
        raise kind

    with pytest.raises(kind), endpoint_in_service(slow, interrupt, said.append, scale_to_zero=False):
        pytest.fail("it was never in service")
    unready.unlink()
    assert "could not be deleted" in said[-1]
    assert removal_command(account.profile) in said[-1]


def test_credentials_that_have_expired_by_the_end_are_words(account: Client, emulator: Running) -> None:
    said: list[str] = []
    with pytest.raises(CloudError, match="still exists"), serve(account, said):
        expire(emulator, "DeleteEndpoint")
    assert "ExpiredTokenException" in said[-1]
    assert "aws sso login" in said[-1]
    assert removal_command(account.profile) in said[-1]


def test_what_ended_it_is_what_comes_out(account: Client, emulator: Running) -> None:
    said: list[str] = []

    def interrupted() -> None:
        with serve(account, said):
            expire(emulator, "DeleteEndpoint")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert removal_command(account.profile) in said[-1]


def test_one_that_is_kept_is_named(account: Client) -> None:
    said: list[str] = []
    with serve(account, said, keep=True):
        pass
    assert status(account) == "InService"
    assert removal_command(account.profile) in said[-1]


def test_one_that_was_there_stays_and_old_settings_are_told(account: Client) -> None:
    said: list[str] = []
    with serve(account, said):
        with serve(account, said):
            assert len(said) == 1
        assert status(account) == "InService"
        changed = dataclasses.replace(account, settings={**account.settings, "RUNTIME_QUEUE": "9"})
        with serve(changed, said):
            assert "keeps the model, image and settings that it was created with" in said[-1]
        other = with_profile(
            account, names=dataclasses.replace(account.profile.names, instance_type="ml.g5.xlarge")
        )
        with pytest.raises(RuntimeError), serve(other, said):
            raise RuntimeError
        assert status(account) == "InService"


def with_profile(client: Client, **changes: Any) -> Client:
    return dataclasses.replace(client, profile=dataclasses.replace(client.profile, **changes))


def targets(client: Client) -> int:
    resource = f"endpoint/{client.profile.names.endpoint_name}/variant/AllTraffic"
    scaling = client.aws.autoscaling
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    return len(found["ScalableTargets"])


def test_it_scales_as_the_profile_says_where_new_and_as_one_says_for_any(account: Client) -> None:
    keeps = with_profile(account, scale_to_zero=False)
    with serve(keeps, [], wanted=None):
        assert targets(account) == 0
        for wanted, expected in ((True, 1), (None, 1), (False, 0), (None, 0)):
            with serve(account, [], wanted=wanted):
                assert targets(account) == expected, wanted


def test_one_that_may_not_scale_is_not_left(account: Client, emulator: Running) -> None:
    expire(emulator, "RegisterScalableTarget", code="AccessDeniedException")
    with (
        pytest.raises(UnavailableError, match="--no-scale-to-zero leaves it at one instance"),
        serve(account, [], wanted=None),
    ):
        pytest.fail("it cannot be made to scale")
    wait_until(lambda: status(account) is None)


def test_an_account_that_does_not_answer_loses_nothing(
    account: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    away = connect("sagemaker", account.profile.names.environment())
    with pytest.raises(UnavailableError, match="Could not connect"), serve(away, said):
        pytest.fail("nobody answered")
    assert not said
