from __future__ import annotations

import hashlib
import io

from meshtwin.emulator.sagemaker.delivery.exchanges import Exchange, Exchanges


def exchange(kept: Exchanges, delivery: int = 1, body: bytes = b"") -> Exchange:
    return Exchange(delivery, "i-1", "127.0.0.1:1", 1.0, {"Host": "h"}, kept.excerpt(body, len(body)))


def test_the_deliveries_of_the_last_requests_are_kept_in_their_order() -> None:
    kept = Exchanges(2, 8)
    for request_id in ("a", "b", "a", "c"):
        kept.add(request_id, exchange(kept, len(kept.of(request_id)) + 1))
    assert kept.of("a") == []
    assert [one.delivery for one in kept.of("b")] == [1]
    assert [one.delivery for one in kept.of("c")] == [1]


def test_a_body_is_kept_by_its_start_its_length_and_its_digest() -> None:
    body = b"\x00binary\xff" * 10
    found = Exchanges(1, 7).excerpt(body, len(body))
    assert (found.length, found.text) == (80, "\x00binary")
    assert found.sha256 == hashlib.sha256(body).hexdigest()


def test_a_stream_is_left_to_whom_it_is_for() -> None:
    stream = io.BytesIO(b"long")
    found = Exchanges(1, 7).excerpt(stream, 4)
    assert (found.length, found.text, found.sha256) == (4, None, None)
    assert stream.read() == b"long"


def test_nothing_is_kept_where_that_is_chosen() -> None:
    kept = Exchanges(0, 7)
    kept.add("a", exchange(kept))
    assert kept.of("a") == []
