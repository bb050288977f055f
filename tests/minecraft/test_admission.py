"""Which builds are taken: an index that lags, keys of before, and how much a player may ask for."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.lambdas import clients
from tests.support.build_jobs import get, post

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World

PLAYER = "069a79f4-44e9-4726-a5be-fca90e38aaf5"


@contextmanager
def lagging_index() -> Iterator[None]:
    """An index that shows nothing yet, as a GSI is for up to a second after a write."""

    def hide(parsed: dict[str, Any], **_: object) -> None:
        parsed |= {"Items": [], "Count": 0}

    events = clients.dynamodb().meta.events
    events.register("after-call.dynamodb.Query", hide, unique_id="lag")
    try:
        yield
    finally:
        events.unregister("after-call.dynamodb.Query", unique_id="lag")


def ask(player: str = PLAYER, key: str = "", prompt: str = "a cat") -> Any:  # a Reply
    headers = {"idempotency-key": key} if key else {}
    return post({"prompt": prompt, "playerUuid": player}, headers=headers)


@pytest.mark.documented(
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.Writes"
)
def test_a_build_starts_at_once_though_the_index_does_not_show_it_yet(
    world: World, boundary: Boundary
) -> None:
    with lagging_index():
        first, second = ask(), ask()
        assert (first.json["status"], first.json["started"]) == ("STARTING", True)
        assert second.json["status"] == "QUEUED"
        # The worker is called for one that waits, too: the place may have become free meanwhile.
        assert [asked.event["jobId"] for asked in boundary.asked] == [
            first.json["jobId"],
            second.json["jobId"],
        ]
        world.run()
    assert world.job(first.json["jobId"]).state is State.SUCCEEDED
    assert world.job(second.json["jobId"]).state is State.QUEUED, "it was called for while the first ran"
    world.sweep()
    world.run()
    assert world.job(second.json["jobId"]).state is State.SUCCEEDED


def test_who_is_called_for_a_job_that_waits_starts_it_whatever_the_index_shows(world: World) -> None:
    job_id = world.add()
    with lagging_index():
        world.wake(job_id)
    assert world.job(job_id).state is State.RUNNING


@pytest.mark.parametrize("row", ["deleted", "there"])
def test_a_key_whose_time_is_over_is_a_new_build(world: World, row: str) -> None:
    """Whatever the old one has left: DynamoDB deletes rows days late, and S3's objects lie longer still."""
    first = ask(key="k").json["jobId"]
    world.run()
    assert world.job(first).state is State.SUCCEEDED
    for entry in world.items():
        if row == "deleted":
            world.table.client.delete_item(TableName=world.table.name, Key={"job_id": entry["job_id"]})
        elif "expires_at" in entry:
            world.expire(entry["job_id"]["S"])
    reply = ask(key="k", prompt="a dog")
    second = reply.json["jobId"]
    assert (reply.status, reply.json["status"]) == (202, "STARTING")
    assert second != first
    assert world.job(second).request.prompt == "a dog"
    assert get(first).status == 404
    assert ask(key="k", prompt="a dog").json["jobId"] == second
    world.sweep()
    assert world.job(second).state is State.RUNNING, "no object of the old build is taken for its own"


@pytest.mark.parametrize(
    ("limits", "code", "seconds"),
    [
        ({"MAX_PLAYER_JOBS": "2"}, "player_busy", range(170, 190)),
        ({"PLAYER_COOLDOWN_SECONDS": "50"}, "player_cooldown", range(1, 51)),
        ({"MAX_PLAYER_JOBS_PER_DAY": "2"}, "player_quota", range(1, 86_401)),
        ({"MAX_QUEUED_JOBS": "1"}, "queue_full", range(170, 190)),
    ],
)
def test_limits_say_when_to_try_again_and_leave_other_players_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], code: str, seconds: range
) -> None:
    assert world.bucket
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    replies = [ask() for _ in range(4)]
    assert replies[0].status == 202
    refused = replies[-1]
    assert (refused.status, refused.json["errorCode"]) == (429, code)
    assert int(refused.headers["retry-after"]) in seconds
    other = ask("169a79f4-44e9-4726-a5be-fca90e38aaf5")
    assert other.status == (429 if code == "queue_full" else 202)


def test_a_players_builds_that_have_ended_count_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.bucket
    monkeypatch.setenv("MAX_PLAYER_JOBS", "1")
    job_id = ask().json["jobId"]
    assert ask().json["errorCode"] == "player_busy"
    # The same player, however the game writes it.
    assert ask(PLAYER.replace("-", "").upper()).json["errorCode"] == "player_busy"
    assert post(path=f"/build/{job_id}", method="DELETE").json["canceled"]
    assert ask().status == 202


def test_a_key_is_told_its_build_whatever_the_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.bucket
    monkeypatch.setenv("MAX_PLAYER_JOBS", "1")
    first = ask(key="k")
    again = ask(key="k")
    assert (again.status, again.json["jobId"]) == (202, first.json["jobId"])


def test_of_two_requests_with_one_key_at_the_same_time_one_makes_the_build(world: World) -> None:
    made: list[str] = []

    def another_first(params: dict[str, Any], **_: object) -> None:
        if not made and len(params["TransactItems"]) == 3:  # the job, its key, its player
            made.append("")
            made[0] = ask(key="k").json["jobId"]

    events = clients.dynamodb().meta.events
    events.register("before-parameter-build.dynamodb.TransactWriteItems", another_first, unique_id="race")
    try:
        assert ask(key="k").json["jobId"] == made[0]
    finally:
        events.unregister("before-parameter-build.dynamodb.TransactWriteItems", unique_id="race")
    assert len([entry for entry in world.items() if "request" in entry]) == 1


def test_rows_past_their_time_neither_block_the_queue_nor_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB deletes them within days: they stay in the index until then."""
    monkeypatch.setenv("MAX_QUEUED_JOBS", "1")
    monkeypatch.setattr("meshtwin.minecraft.jobs.dispatch._INDEX_OVERREAD", 2)
    for _ in range(5):
        world.expire(world.add())
    assert world.table.count_waiting() == 0
    reply = ask()
    assert (reply.status, reply.json["started"]) == (202, True)
    assert int(time.time()) < world.job(reply.json["jobId"]).expires_at
