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

from meshtwin.emulator.sagemaker.delivery.container import (
    Answer,
    Cut,
    Invocation,
    NoAnswerError,
    NotConnectedError,
)
from meshtwin.emulator.sagemaker.delivery.objects import Input
from meshtwin.emulator.sagemaker.delivery.payload import IN_MEMORY
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.ping import ping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshtwin.emulator.sagemaker.delivery.payload import Readable

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


@contextmanager
def server(pieces: Sequence[bytes], *, close: bool = False) -> Iterator[Address]:
    """A container that answers its first request with these pieces."""

    def answer() -> None:
        with suppress(OSError):  # the invocation may be over before all of it is sent
            far, _ = listener.accept()
            with far:
                far.recv(65536)
                for piece in pieces:
                    far.sendall(piece)
                if close:
                    far.shutdown(socket.SHUT_WR)
                while far.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield Address(*listener.getsockname()[:2])
        finally:
            # Nobody may have connected.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def send(
    address: Address, headers: Mapping[str, str], content: bytes | Readable = b"body", *, strict: bool = True
) -> Answer:
    return Invocation().send(
        address,
        headers,
        Input(content, 4, None),
        require_content_length=strict,
        on_sent=lambda: None,
    )


def exchange(pieces: Sequence[bytes], *, close: bool = False, strict: bool = True) -> Answer:
    with server(pieces, close=close) as address:
        return send(address, {"Content-Length": "4"}, strict=strict)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 120), max_size=6), st.booleans())
def test_the_pieces_in_which_an_answer_comes_do_not_matter(cuts: list[int], chunked: bool) -> None:
    if chunked:
        whole = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    else:
        whole = OK + b"Content-Length: 5\r\n\r\nabcde"
    edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    answer = exchange(pieces, strict=False)
    assert answer.status == 200
    assert answer.content_type == "text/csv"
    assert answer.body is not None
    assert answer.body.read_all() == b"abcde"


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints\r\nLink: </a>", b"102 Processing"])
def test_an_interim_answer_is_not_the_answer(interim: bytes) -> None:
    answer = exchange([b"HTTP/1.1 " + interim + b"\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok"])
    assert answer.status == 200
    assert answer.body is not None
    assert answer.body.read_all() == b"ok"


@pytest.mark.parametrize(
    "pieces",
    [[OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"], [OK + b"\r\n", b"hello"]],
)
def test_an_endless_answer_is_refused_before_its_end(pieces: list[bytes]) -> None:
    assert exchange(pieces).body is None


def test_an_answer_may_end_with_its_connection_where_that_is_allowed() -> None:
    answer = exchange([OK + b"\r\n", b"hello"], close=True, strict=False)
    assert answer.body is not None
    assert answer.body.read_all() == b"hello"


def test_an_answer_without_content_needs_no_length() -> None:
    answer = exchange([b"HTTP/1.1 204 No Content\r\n\r\n"])
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
    with pytest.raises(NoAnswerError):
        exchange(pieces, close=True, strict=False)


def test_a_large_answer_is_held_in_a_file() -> None:
    size = 3 * IN_MEMORY
    answer = exchange([OK + b"Content-Length: %d\r\n\r\n" % size, b"x" * size])
    assert answer.body is not None
    assert not isinstance(answer.body.content, bytes)
    assert answer.body.length == size
    assert answer.body.read_all() == b"x" * size
    answer.body.close()


def test_a_body_may_be_refused_before_it_is_read() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    def answer() -> None:
        far, _ = listener.accept()
        with far:
            far.recv(100)
            far.sendall(refusal)
            far.shutdown(socket.SHUT_WR)
            while far.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=answer)
        thread.start()
        body = io.BytesIO(b"x" * 50_000)
        answered = send(Address(*listener.getsockname()[:2]), {"Content-Length": "50000"}, body)
        thread.join()
    assert answered.status == 413


@pytest.mark.parametrize("value", ["b\r\nC: d", "b\r\n C: d", "b\0"])
def test_a_header_cannot_smuggle_another_one(value: str) -> None:
    with server([]) as address, pytest.raises(ValueError, match="line break"):
        send(address, {"A": value})


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(*listener.getsockname()[:2])
    with pytest.raises(NotConnectedError):
        send(address, {})


def test_an_invocation_that_was_aborted_before_is_not_sent() -> None:
    invocation = Invocation()
    invocation.abort(Cut.CANCELLED)
    with server([]) as address, pytest.raises(NoAnswerError, match="not sent: cancelled"):
        invocation.send(address, {}, Input(b"", 0, None), require_content_length=True, on_sent=lambda: None)


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
    answer = exchange([before + OK + lengths, b"\r\nfour"])
    assert answer.body is not None
    assert (answer.status, answer.body.content) == (200, b"four")
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
    answer = exchange([OK + lengths + b"\r\nfour"])
    assert (answer.body, answer.bad_length) == (None, said)


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"x" * 100_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % number for number in range(200))],
)
def test_a_head_that_is_too_long_to_be_read_is_said(head: bytes) -> None:
    answer = exchange([OK + head + b"Content-Length: 4\r\n\r\nfour"])
    assert (answer.status, answer.body, answer.has_long_head) == (200, None, True)


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
        send(address, {})
        assert asyncio.run(ping(address, 10)).healthy
        server.join()
    assert hosts == [f"Host: [::1]:{address.port}".encode()] * 2
