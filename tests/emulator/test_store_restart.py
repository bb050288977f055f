"""The store restarts empty under a running emulator: it notices, sets it up again, and says what is lost."""

from __future__ import annotations

import json
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.emulator import Answer, client
from tests.support.site import Site, alarms_of, options_for, register
from tests.support.store import Store
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.emulator import Running, Start

pytestmark = pytest.mark.assumed

LOSSES = [Store.reset, Store.restart]
LOSS_NAMES = ["at once", "gone and back"]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(
    start_emulator: Start, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Path]]:
    """The emulator of most tests here, and its folder: a store may be lost again and again."""
    folder = tmp_path_factory.mktemp("shared")
    with start_emulator(
        store.url, options=options_for(folder), table_prefix=f"p-{uuid.uuid4().hex[:8]}"
    ) as running:
        yield running, folder


@pytest.fixture
def site(shared: tuple[Running, Path], store: Store) -> Iterator[Site]:
    made = Site(shared[0], store.url, shared[1])
    yield made
    made.leave()


@pytest.mark.parametrize("lose", LOSSES, ids=LOSS_NAMES)
def test_an_idle_emulator_notices_and_goes_on(
    start_emulator: Start, store: Store, tmp_path: Path, lose: Callable[[Store], None]
) -> None:
    with start_emulator(store.url, options=options_for(tmp_path)) as running:
        site = Site(running, store.url, tmp_path)
        notices_and_goes_on(site, store, lose)
        site.close()


def notices_and_goes_on(site: Site, store: Store, lose: Callable[[Store], None]) -> None:
    assert site.store_state() == {"reachable": True, "restarted_at": None, "lost": 0}
    before = site.sagemaker.describe_endpoint(EndpointName=site.name)
    lose(store)
    wait_until(site.is_set_up)
    state = site.store_state()
    assert state["reachable"]
    assert state["restarted_at"] > before["CreationTime"].timestamp()
    after = site.sagemaker.describe_endpoint(EndpointName=site.name)
    assert {**after, "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
    request_id = site.submit(b"hello")
    assert site.end_of(request_id)["state"] == "completed"
    assert site.objects() == [f"out/{request_id}.out"]
    text = site.running.log.read_text()
    for lost in (site.bucket, f"{site.bucket}-failed", site.topic):
        assert re.search(rf'"{re.escape(lost)}".*created_again', text)
    metrics = site.running.send("/_emulator/metrics", method="GET").body.decode()
    assert "meshtwin_store_restarts_total{} 1\n" in metrics


def test_the_tables_have_their_index_and_time_to_live_again(site: Site, store: Store) -> None:
    dynamodb = client("dynamodb", store.url)
    before = {name: dynamodb.describe_table(TableName=name)["Table"] for name in tables(site)}
    store.reset()
    wait_until(site.is_set_up)
    for name, table in before.items():
        again = dynamodb.describe_table(TableName=name)["Table"]
        for same in ("KeySchema", "GlobalSecondaryIndexes", "BillingModeSummary"):
            assert keys_of(again.get(same)) == keys_of(table.get(same))
    [requests] = [name for name in before if name.endswith("-requests")]
    found = dynamodb.describe_time_to_live(TableName=requests)["TimeToLiveDescription"]
    assert found["AttributeName"] == "forget_at"
    dynamodb.close()


def tables(site: Site) -> list[str]:
    arguments = psutil.Process(site.running.process.pid).cmdline()
    prefix = arguments[arguments.index("--table-prefix") + 1]
    return [f"{prefix}-requests", f"{prefix}-resources"]


def keys_of(found: Any) -> str:
    """A description, less its counts and times."""
    return re.sub(
        r'"(ItemCount|IndexSizeBytes|IndexArn|LastUpdate\w+)": [^,}]+', "", json.dumps(found, default=str)
    )


@pytest.mark.parametrize("lose", LOSSES, ids=LOSS_NAMES)
def test_what_runs_ends_once_as_if_nothing_had_happened(
    site: Site, store: Store, lose: Callable[[Store], None]
) -> None:
    request_id = site.submit_held()
    lose(store)
    wait_until(site.is_set_up)
    assert site.request(request_id)["state"] == "running"
    hear = site.subscribe()
    site.gate.touch()
    ended = site.end_of(request_id)
    assert (ended["state"], ended["deliveries"]) == ("completed", 1)
    assert [line["event"] for line in ended["timeline"]] == ["accepted", "written again", "completed"]
    assert site.objects() == [f"out/{request_id}.out"]
    assert site.deliveries() == [ended["inference_id"]]
    wait_until(hear)
    assert [notice["inferenceId"] for notice in hear()] == [ended["inference_id"]]
    assert site.lost() == 0


def test_what_is_answered_while_the_store_is_gone_ends_once(site: Site, store: Store) -> None:
    """Its bucket is missing when the store is back: that is no refusal, and it is not told as one."""
    request_id = site.submit_held()
    inference_id = site.request(request_id)["inference_id"]
    store.stop()
    site.gate.touch()
    wait_until(lambda: "waiting_for_aws" in site.logged())
    store.start()
    wait_until(site.is_set_up)
    assert site.end_of(request_id)["state"] == "completed"
    assert site.objects() == [f"out/{request_id}.out"]
    assert site.deliveries() == [inference_id]


def test_what_waits_is_lost_and_nobody_waits_for_it(site: Site, store: Store) -> None:
    running_id = site.submit_held()
    queued = [site.submit(b"later") for _ in range(5)]
    answers: list[Answer] = []

    def wait(request_id: str) -> None:
        answers.append(site.running.send(f"/_emulator/requests/{request_id}/await?timeout=60", method="GET"))

    waiters = [threading.Thread(target=wait, args=(request_id,)) for request_id in queued]
    for waiter in waiters:
        waiter.start()
    store.reset()
    for waiter in waiters:
        waiter.join(30)
    wait_until(site.is_set_up)
    # Asked between the loss and the new tables, it is unavailable; afterwards there is no such request.
    assert {answer.status for answer in answers} <= {404, 503}
    assert site.lost() == 5
    told = {line["request_id"] for line in site.lines() if line["event"] == "request_lost"}
    assert told == set(queued)
    answer = site.running.send(f"/_emulator/requests/{queued[0]}", method="GET")
    assert answer.status == 404
    assert "The store restarted empty" in answer.json["error"]["message"]
    cancelled = site.running.send(f"/_emulator/requests/{queued[0]}/cancel")
    assert cancelled.status == 404
    site.gate.touch()
    assert site.end_of(running_id)["state"] == "completed"
    later = site.submit(b"now")
    assert site.end_of(later)["state"] == "completed"
    assert len(site.deliveries()) == 2
    counted = f"meshtwin_lost_requests_total{{}} {site.store_state()['lost']}\n"
    assert counted.encode() in site.running.send("/_emulator/metrics", method="GET").body


def test_turns_that_come_while_the_tables_are_gone_are_lost_too(site: Site, store: Store) -> None:
    """The slot is free before the loss is noticed: the request that gets it has no record any more."""
    running_id = site.submit_held()
    queued = [site.submit(b"later") for _ in range(3)]
    store.stop()
    site.gate.touch()
    before = calls(site)
    wait_until(lambda: calls(site) > before + 3)
    store.start()
    wait_until(site.is_set_up)
    assert site.end_of(running_id)["state"] == "completed"
    wait_until(lambda: site.lost() == 3)
    assert len(site.deliveries()) == 1
    assert [one["state"] for one in site.running.admin(f"/requests?endpoint={site.name}")["requests"]] == [
        "completed"
    ]
    assert set(queued) & set(site.objects()) == set()


def calls(site: Site) -> int:
    return sum(site.running.admin("/usage")["calls"].values())


def test_meanwhile_new_requests_get_503_and_then_are_accepted(site: Site, store: Store) -> None:
    store.stop()
    refused = site.send(b"no")
    assert (refused.status, refused.code) == (503, "ServiceUnavailable")
    wait_until(lambda: not site.store_state()["reachable"])
    store.start()
    statuses = []

    def accepted() -> bool:
        statuses.append(site.send(b"yes").status)
        return statuses[-1] == 202

    wait_until(accepted)
    assert set(statuses) <= {202, 503}
    wait_until(site.is_set_up)
    listed = site.running.admin(f"/requests?endpoint={site.name}")["requests"]
    # Listed state by state, one that moves on meanwhile is there twice.
    assert len({one["request_id"] for one in listed}) == statuses.count(202)


def test_the_next_emulator_finds_everything(start_emulator: Start, store: Store, tmp_path: Path) -> None:
    prefix = f"p-{uuid.uuid4().hex[:8]}"
    options = options_for(tmp_path)
    with start_emulator(store.url, table_prefix=prefix, options=options) as first:
        site = Site(first, store.url, tmp_path)
        register(site)
        arn = site.sagemaker.describe_endpoint(EndpointName=site.name)["EndpointArn"]
        site.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
        described = described_by(site)
        store.reset()
        wait_until(site.is_set_up)
        request_id = site.submit_held()
        waiting = site.submit(b"waits")
        first.process.kill()
        first.process.wait()
    with start_emulator(store.url, table_prefix=prefix, options=options) as second:
        site.running = second
        site.sagemaker, site.autoscaling = (
            second.client("sagemaker"),
            second.client("application-autoscaling"),
        )
        assert described_by(site) == described
        assert site.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
        site.gate.touch()
        for one in (request_id, waiting):
            assert site.end_of(one)["state"] == "completed"
        assert site.store_state()["restarted_at"] is None
        site.close()


def described_by(site: Site) -> Any:
    asked = [
        site.sagemaker.describe_model(ModelName=site.name),
        site.sagemaker.describe_endpoint_config(EndpointConfigName=site.name),
        site.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker"),
        site.autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker"),
    ]
    for policy in asked[-1]["ScalingPolicies"]:
        # An alarm of a step policy is the user's, and in the store alone until it has been judged.
        if policy["PolicyType"] == "StepScaling":
            policy.pop("Alarms")
    return [{**answer, "ResponseMetadata": None} for answer in asked]


def test_the_endpoint_still_scales_to_zero_and_back(
    start_emulator: Start, store: Store, tmp_path: Path
) -> None:
    options = options_for(tmp_path, "--speed", "0")
    with start_emulator(store.url, options=options) as running:
        site = Site(running, store.url, tmp_path)
        register(site)
        running.advance(60)
        alarms = alarms_of(site)
        assert len(alarms) == 3
        store.reset()
        # Nothing is judged by alarms that are gone: the round finds the loss where the watch has not yet.
        running.advance(60)
        wait_until(site.is_set_up)
        assert alarms_of(site) == alarms
        running.advance(17 * 60)
        # An action on an endpoint that is being changed is repeated a minute later, and this clock stands.
        wait_until(lambda: counts(site) == ("InService", 0, 0))
        request_id = site.submit(b"wakes it")
        running.advance(180)
        wait_until(lambda: counts(site) == ("InService", 1, 1))
        assert site.end_of(request_id)["state"] == "completed"
        metrics = {found["MetricName"] for found in site.cloudwatch.list_metrics()["Metrics"]}
        assert "HasBacklogWithoutCapacity" in metrics
        site.close()


def counts(site: Site) -> tuple[str, int, int]:
    endpoint = site.sagemaker.describe_endpoint(EndpointName=site.name)
    [variant] = endpoint["ProductionVariants"]
    return endpoint["EndpointStatus"], variant["DesiredInstanceCount"], variant["CurrentInstanceCount"]
