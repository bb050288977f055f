"""Notices of SNS reach functions: those of the manifest, and those that a user has subscribed."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulator import client
from tests.support.serverless import ARN, Hosting, run_serverless
from tests.support.store import Store
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "arn:aws:sns:us-east-1:123456789012"


QUICK = ("--set", "topic_interval=0.25")
LATER = f"later-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def sns(moto_url: str) -> Iterator[Any]:
    made = client("sns", moto_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def first_topic(sns: Any) -> str:
    """A topic that is there before its host."""
    return str(sns.create_topic(Name=f"first-{uuid.uuid4().hex[:8]}")["TopicArn"])


@pytest.fixture(scope="module")
def host(moto_url: str, first_topic: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """One host for the tests that only listen."""
    functions = {
        "listener": listener(first_topic),
        "later": listener(f"{ACCOUNT}:{LATER}"),
        "own": listener(),
    }
    folder = tmp_path_factory.mktemp("host")
    with run_serverless(folder, functions, store_url=moto_url, options=QUICK) as hosting:
        yield hosting


@pytest.fixture
def topic(sns: Any, name: str) -> str:
    return str(sns.create_topic(Name=name)["TopicArn"])


def listener(*topics: str, **more: Any) -> dict[str, Any]:
    """A function that writes its event to its log."""
    return {"handler": "basic.tell", "events": [{"sns": topic} for topic in topics], **more}


def told(hosting: Hosting, name: str) -> list[dict[str, Any]]:
    """The events that a function has got."""
    lines = hosting.function_log(name).splitlines()
    return [json.loads(line.removeprefix("EVENT ")) for line in lines if line.startswith("EVENT ")]


def test_a_notice_is_the_event_that_lambda_gets(host: Hosting, sns: Any, first_topic: str) -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "red"}}
    sent = sns.publish(TopicArn=first_topic, Subject="hi", Message="ho", MessageAttributes=attributes)
    (event,) = wait_until(lambda: told(host, "listener"))
    (record,) = event["Records"]
    assert (record["EventVersion"], record["EventSource"]) == ("1.0", "aws:sns")
    assert record["EventSubscriptionArn"].startswith(f"{first_topic}:")
    found = record["Sns"]
    assert found["MessageId"] == sent["MessageId"]
    assert (found["Type"], found["TopicArn"]) == ("Notification", first_topic)
    assert (found["Subject"], found["Message"]) == ("hi", "ho")
    assert found["MessageAttributes"] == {"kind": {"Type": "String", "Value": "red"}}
    assert {"Timestamp", "Signature", "SignatureVersion", "SigningCertUrl", "UnsubscribeUrl"} <= set(found)


def test_what_comes_while_nobody_hosts_waits(moto_url: str, sns: Any, topic: str, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    with run_serverless(tmp_path / "first", {"listener": listener(topic)}, store_url=moto_url):
        pass
    sns.publish(TopicArn=topic, Message="meanwhile")
    with run_serverless(tmp_path / "second", {"listener": listener(topic)}, store_url=moto_url) as hosting:
        (event,) = wait_until(lambda: told(hosting, "listener"))
        assert event["Records"][0]["Sns"]["Message"] == "meanwhile"
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert [found["Protocol"] for found in subscriptions] == ["sqs"]


def test_a_topic_may_come_later(host: Hosting, sns: Any) -> None:
    topic = f"{ACCOUNT}:{LATER}"
    sns.create_topic(Name=LATER)
    wait_until(lambda: sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"])
    sns.publish(TopicArn=topic, Message="now")
    wait_until(lambda: told(host, "later"))


def test_a_store_that_forgets_is_subscribed_to_again(tmp_path: Path, name: str) -> None:
    store = Store()
    store.start()
    try:
        topic = f"{ACCOUNT}:{name}"
        sns = client("sns", store.url)
        sns.create_topic(Name=name)
        functions = {"listener": listener(topic)}
        with run_serverless(tmp_path, functions, store_url=store.url, options=QUICK) as hosting:
            store.restart()
            sns.create_topic(Name=name)
            wait_until(lambda: sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"])
            sns.publish(TopicArn=topic, Message="again")
            wait_until(lambda: told(hosting, "listener"))
        sns.close()
    finally:
        store.stop()


def test_a_subscription_of_a_users_own(host: Hosting, sns: Any, topic: str) -> None:
    made = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"{ARN}own", ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]

    def protocols() -> list[str]:
        found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        return sorted(one["Protocol"] for one in found)

    wait_until(lambda: protocols() == ["lambda", "sqs"])
    sns.publish(TopicArn=topic, Message="mine")
    (event,) = wait_until(lambda: told(host, "own"))
    assert event["Records"][0]["EventSubscriptionArn"] == made
    sns.unsubscribe(SubscriptionArn=made)
    wait_until(lambda: protocols() == [])


def test_a_notice_is_tried_again_when_the_function_fails(
    moto_url: str, sns: Any, topic: str, tmp_path: Path
) -> None:
    functions = {"failing": {"handler": "basic.fail", "events": [{"sns": topic}]}}
    options = ("--speed", "1000")
    with run_serverless(tmp_path, functions, store_url=moto_url, options=options) as hosting:
        sns.publish(TopicArn=topic, Message="x")
        wait_until(lambda: hosting.function("failing")["errors"] == 3)
        wait_until(lambda: hosting.state()["events_waiting"] == 0)


def test_a_store_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    functions = {"listener": listener(f"{ACCOUNT}:somewhere")}
    with run_serverless(tmp_path, functions) as hosting:
        made = hosting.client("lambda")
        assert made.invoke(FunctionName="listener", Payload=b"{}")["StatusCode"] == 200
        made.close()
        assert "subscription_waiting" in hosting.log.read_text()
