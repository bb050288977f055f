"""Who may use the emulator's port: headers are sent as a browser would, past every client's own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from tests.support.emulator import Running, Start

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/_emulator/reset", "/endpoints/any/async-invocations"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null"])
def test_a_page_of_another_origin_is_refused(emulator: Running, path: str, origin: str) -> None:
    answer = emulator.send(path, headers={"Origin": origin})
    assert (answer.status, answer.json["error"]["code"]) == (403, "ForeignOrigin")
    assert origin in answer.json["error"]["message"]


def test_a_request_of_another_site_is_refused(emulator: Running) -> None:
    answer = emulator.send("/_emulator/requests", method="GET", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status, answer.json["error"]["code"]) == (403, "ForeignOrigin")


def test_a_page_of_its_own_may(emulator: Running) -> None:
    headers = {"Origin": emulator.url, "Sec-Fetch-Site": "same-origin"}
    assert emulator.send("/_emulator/clock", method="GET", headers=headers).status == 200


@pytest.mark.parametrize("path", ["/_emulator/requests", "/"])
def test_a_name_that_was_pointed_here_is_refused(emulator: Running, path: str) -> None:
    port = urlsplit(emulator.url).port
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
    answer = emulator.send(path, headers=rebound)
    assert (answer.status, answer.json["error"]["code"]) == (403, "UnknownHost")
    assert "allowed_hosts" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3:80", "sagemaker.localhost:8470"]
)
def test_its_own_names_are_served(emulator: Running, host: str) -> None:
    assert emulator.send("/_emulator/health", method="GET", headers={"Host": host}).status == 200


def test_a_name_can_be_allowed(start_emulator: Start) -> None:
    with start_emulator(options=("--set", "allowed_hosts=twin other.example")) as running:
        for host, status in [("twin:8470", 200), ("other.example", 200), ("third.example", 403)]:
            answer = running.send("/_emulator/health", method="GET", headers={"Host": host})
            assert answer.status == status, host


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_must_be_declared_as_json(emulator: Running, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = emulator.send("/_emulator/reset", body=b'{"confirm": true}', headers=headers)
    assert answer.status == 415
    assert "application/json" in answer.json["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_must_be_an_object(emulator: Running, body: bytes) -> None:
    answer = emulator.send("/_emulator/clock", body=body, headers=JSON)
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")


def test_an_unknown_page_says_where_the_list_is(emulator: Running) -> None:
    answer = emulator.send("/_emulator/nothing", method="GET")
    assert (answer.status, answer.json["error"]["code"]) == (404, "NotFound")
    assert "GET /_emulator lists" in answer.json["error"]["message"]
    paths = {page["path"] for page in emulator.admin("")["pages"]}
    assert {"/_emulator/requests", "/_emulator/clock", "/_emulator/ui"} <= paths


def test_everything_is_not_deleted_by_accident(emulator: Running) -> None:
    answer = emulator.send("/_emulator/reset", body=b'{"confirm": "yes"}', headers=JSON)
    assert answer.status == 400
    assert '{"confirm": true}' in answer.json["error"]["message"]
