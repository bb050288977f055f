"""The page in a browser: whole, of one piece, and asking nothing that is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.emulator import Answer, Running


def page(emulator: Running) -> Answer:
    answer = emulator.send("/_emulator/ui", method="GET")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer


def test_it_loads_nothing_from_elsewhere(emulator: Running) -> None:
    html = page(emulator).body.decode()
    assert not re.search(r"<(link|img|iframe|script[^>]* src)\b|@import|url\(|https://", html)


def test_its_script_may_run_and_no_other(emulator: Running) -> None:
    first, second = page(emulator), page(emulator)
    assert first.body != second.body
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', first.body.decode()))
    policy = first.headers["content-security-policy"]
    assert f"script-src 'nonce-{nonce}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy


def test_it_puts_nothing_from_outside_in_as_markup(emulator: Running) -> None:
    html = page(emulator).body.decode()
    assert not re.search(r"innerHTML\s*=[^=]|insertAdjacentHTML|document\.write|outerHTML", html)
    # Where the policy forbids them, these would do nothing.
    assert not re.search(r"""<[^>]+\s(style|on\w+)=["']""", html)


def test_it_asks_for_pages_that_there_are(emulator: Running) -> None:
    html = page(emulator).body.decode()
    asked = set(re.findall(r'ask\([^)]*?["`](/[a-z]+)', html))
    served = {one["path"].removeprefix("/_emulator") for one in emulator.admin("")["pages"]}
    assert {"/clock", "/endpoints", "/instances", "/requests", "/faults", "/health"} <= asked
    assert asked <= served
    states = re.search(r"STATES = (\[[^]]+\])", html)
    assert states is not None
    for state in re.findall(r'"(\w+)"', states[1]):
        assert emulator.admin(f"/requests?state={state}")["requests"] is not None
