"""What a wait for a job takes without giving up, and what it says when it does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from meshtwin.cloud.client import Client
from meshtwin.cloud.clients import Clients
from meshtwin.cloud.errors import CloudError, JobFailedError, UnavailableError
from meshtwin.cloud.jobs.submit import Ticket
from meshtwin.cloud.jobs.wait import Update, wait
from meshtwin.cloud.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Callable

EMBEDDED = Client(load_profile("embedded", {}), {})
TICKET = Ticket("job-1", "e", "s3://bkt/r-7.out", "s3://bkt/fail", {}, "s3://bkt/p.json", {})


class S3:
    """Answers by key, and what a poll with a number meets."""

    def __init__(self, objects: dict[str, bytes], trouble: Callable[[int], Exception | None]) -> None:
        self.objects = objects
        self.trouble = trouble
        self.asked = 0

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's
        self.asked += 1
        if error := self.trouble(self.asked):
            raise error
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}


def refused(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # what is read of it
        "GetObject",
    )


AWAY = EndpointConnectionError(endpoint_url="https://bkt.s3.amazonaws.com")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Callable[..., S3]:
    def use(objects: dict[str, bytes], trouble: Callable[[int], Exception | None] = lambda _: None) -> S3:
        made = S3(objects, trouble)
        monkeypatch.setattr(Clients, "s3", made)
        return made

    return use


@pytest.mark.parametrize("error", [AWAY, refused("SlowDown", 503), refused("Throttling", 400)])
def test_services_that_are_away_for_a_while_end_no_wait(s3: Any, error: Exception) -> None:
    s3({"fail": b"it failed"}, lambda number: error if number <= 2 else None)
    said: list[Update] = []
    with pytest.raises(JobFailedError, match="it failed"):
        wait(EMBEDDED, TICKET, on_update=said.append)
    assert said == [Update("its services to be reachable again")] * 2


@pytest.mark.parametrize("error", [AWAY, refused("ExpiredToken", 400)])
def test_a_wait_that_gives_up_says_how_to_go_on(s3: Any, error: Exception) -> None:
    found = s3({}, lambda _: error)
    with pytest.raises(UnavailableError, match=r"`meshtwin wait job-1` waits for it again"):
        wait(EMBEDDED, TICKET, unreachable=0)
    assert found.asked <= 2


def test_a_strange_object_in_the_place_of_progress_is_no_progress(s3: Any, monkeypatch: Any) -> None:
    s3({"p.json": b'{"percent": 3}'})
    monkeypatch.setattr("meshtwin.cloud.jobs.wait.describe_endpoint", lambda *_: None)
    said: list[Update] = []
    with pytest.raises(CloudError, match="is not finished"):
        wait(EMBEDDED, TICKET, timeout=0, on_update=said.append)
    with pytest.raises(CloudError, match="is not finished"):
        wait(EMBEDDED, TICKET, timeout=0.05, on_update=said.append)
    assert said[0].waiting_for == "endpoint e to exist again"


def test_the_services_own_id_of_the_request() -> None:
    assert TICKET.request_id == "r-7"
