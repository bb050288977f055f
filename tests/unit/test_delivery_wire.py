"""Answers as bytes on a socket, in whatever pieces they come."""

from __future__ import annotations

import asyncio
import io
import itertools
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.delivery.payload import IN_MEMORY
from meshtwin.emulator.sagemaker.delivery.wire import Answer, Connection, EndOfStreamError
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.ping import ping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


@contextmanager
def server(pieces: Sequence[bytes], *, close: bool = False) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, to whose first request these pieces are the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection(Address(*listener.getsockname()[:2]))
        far, _ = listener.accept()

    def answer() -> None:
        # The test may be through with the connection before all of it is sent.
        with suppress(OSError):
            far.recv(65536)
            for piece in pieces:
                far.sendall(piece)
            if close:
                far.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield connection, far
    finally:
        connection.close()
        thread.join()
        far.close()


def exchange(pieces: Sequence[bytes], *, close: bool = False, strict: bool = True) -> tuple[Answer, bool]:
    with server(pieces, close=close) as (connection, _):
        connection.send({"A": "b"}, b"body")
        answer = connection.receive(require_content_length=strict)
        return answer, connection.is_reusable


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 120), max_size=6), st.booleans())
def test_the_pieces_in_which_an_answer_comes_do_not_matter(cuts: list[int], chunked: bool) -> None:
    if chunked:
        whole = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    else:
        whole = OK + b"Content-Length: 5\r\n\r\nabcde"
    edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    answer, is_reusable = exchange(pieces, strict=False)
    assert answer.status == 200
    assert answer.content_type == "text/csv"
    assert answer.body is not None
    assert answer.body.read_all() == b"abcde"
    assert is_reusable


@pytest.mark.parametrize(
    ("head", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_a_connection_is_kept_where_the_container_keeps_it(head: bytes, is_reusable: bool) -> None:
    assert exchange([head + b"Content-Length: 0\r\n\r\n"])[1] is is_reusable


def test_an_interim_answer_is_not_the_answer() -> None:
    answer, _ = exchange([b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok"])
    assert answer.status == 200
    assert answer.body is not None
    assert answer.body.read_all() == b"ok"


@pytest.mark.parametrize(
    "pieces",
    [[OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"], [OK + b"\r\n", b"hello"]],
)
def test_an_endless_answer_is_refused_before_its_end(pieces: list[bytes]) -> None:
    answer, is_reusable = exchange(pieces)
    assert answer.body is None
    assert not is_reusable


def test_an_answer_may_end_with_its_connection_where_that_is_allowed() -> None:
    answer, is_reusable = exchange([OK + b"\r\n", b"hello"], close=True, strict=False)
    assert answer.body is not None
    assert answer.body.read_all() == b"hello"
    assert not is_reusable


def test_an_answer_without_content_needs_no_length() -> None:
    answer, _ = exchange([b"HTTP/1.1 204 No Content\r\n\r\n"])
    assert answer.body is not None
    assert answer.body.length == 0


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200"],
        [OK + b"Content-Length: 9\r\n\r\nabc"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc"],
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
    ],
)
def test_an_answer_that_is_not_whole_is_none(pieces: list[bytes]) -> None:
    with pytest.raises(EndOfStreamError):
        exchange(pieces, close=True, strict=False)


def test_a_large_answer_is_held_in_a_file() -> None:
    size = 3 * IN_MEMORY
    answer, _ = exchange([OK + b"Content-Length: %d\r\n\r\n" % size, b"x" * size])
    assert answer.body is not None
    assert not isinstance(answer.body.content, bytes)
    assert answer.body.length == size
    assert answer.body.read_all() == b"x" * size
    answer.body.close()


def test_a_body_may_be_refused_before_it_is_read() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with server([refusal]) as (connection, far):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = io.BytesIO(b"x" * 50_000)
        connection.send({"Content-Length": "50000"}, body)
        answer = connection.receive(require_content_length=True)
        assert answer.status == 413
        assert not connection.is_reusable


def test_a_header_cannot_smuggle_another_one() -> None:
    with server([]) as (connection, _):
        with pytest.raises(ValueError, match="line break"):
            connection.send({"A": "b\r\nC: d"}, b"")
        connection.send({}, b"")


def test_a_closed_connection_is_noticed() -> None:
    with server([]) as (connection, far):
        assert connection.is_open()
        connection.send({}, b"")
        far.shutdown(socket.SHUT_RDWR)
        connection.socket.recv(1)
        assert not connection.is_open()


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 4\r\nContent-Length: 4\r\n",
        b"content-length: 4\r\nX: y\r\nCONTENT-LENGTH:4\r\n",
        b"Content-Length: 4, 4\r\n",
    ],
)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_length_that_is_said_twice_is_one(before: bytes, lengths: bytes) -> None:
    answer, reusable = exchange([before + OK + lengths, b"\r\nfour"])
    assert answer.body is not None
    assert (answer.status, answer.body.content, reusable) == (200, b"four", True)
    assert answer.bad_length is None


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        (b"Content-Length: 4\r\nContent-Length: 5\r\n", "4, 5"),
        (b"Content-Length: four\r\n", "four"),
        (b"Content-Length: -4\r\n", "-4"),
        (b"Content-Length:\r\n", ""),
    ],
)
def test_a_length_that_cannot_be_read_is_said(lengths: bytes, said: str) -> None:
    answer, reusable = exchange([OK + lengths + b"\r\nfour"])
    assert (answer.body, answer.bad_length, reusable) == (None, said, False)


def test_a_head_of_two_megabytes_is_read() -> None:
    long = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100_000) for number in range(20))
    answer, _ = exchange([OK + long + b"Content-Length: 4\r\n\r\nfour"])
    assert answer.body is not None
    assert answer.body.content == b"four"


def test_a_container_at_an_ipv6_address_is_named_in_brackets() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    address = Address(*listener.getsockname()[:2])
    hosts: list[bytes] = []

    def answer() -> None:
        for _ in range(2):
            far, _address = listener.accept()
            with far:
                head = far.recv(65536)
                hosts.extend(line for line in head.split(b"\r\n") if line.lower().startswith(b"host:"))
                far.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with listener:
        server = threading.Thread(target=answer)
        server.start()
        connection = Connection(address)
        connection.send({}, b"")
        connection.receive(require_content_length=True)
        connection.close()
        assert asyncio.run(ping(address, 10)).healthy
        server.join()
    assert hosts == [f"Host: [::1]:{address.port}".encode()] * 2
