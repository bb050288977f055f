from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.fleet.address import AddressInstance
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.ports import BLOCK, Ports
from meshtwin.emulator.sagemaker.fleet.process import container_environment
from meshtwin.emulator.sagemaker.fleet.slots import Slots

if TYPE_CHECKING:
    import pytest


def instances(count: int) -> list[AddressInstance]:
    return [AddressInstance(Address("127.0.0.1", n + 1)) for n in range(count)]


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.booleans(), max_size=60))
def test_no_instance_has_more_than_its_share(count: int, concurrency: int, steps: list[bool]) -> None:
    slots = Slots(concurrency)
    for instance in instances(count):
        slots.open(instance)
    held: list[AddressInstance] = []
    for is_acquire in steps:
        if is_acquire:
            got = slots.acquire()
            assert (got is None) == (len(held) == count * concurrency)
            if got is not None:
                assert isinstance(got, AddressInstance)
                held.append(got)
        elif held:
            slots.release(held.pop(0))
        share = Counter(instance.instance_id for instance in held)
        assert max(share.values(), default=0) <= concurrency


def test_requests_are_spread() -> None:
    slots = Slots(2)
    both = instances(2)
    for instance in both:
        slots.open(instance)
    assert {slots.acquire(), slots.acquire()} == set(both)


def test_closed_lost_and_removed_instances_get_nothing() -> None:
    slots = Slots(1)
    closed, lost, removed = instances(3)
    for instance in (closed, lost, removed):
        slots.open(instance)
    assert slots.total == 3
    slots.close(closed)
    lost.lost.set()
    slots.remove(removed)
    slots.release(removed)
    assert slots.acquire() is None
    slots.open(closed)
    assert slots.acquire() is closed
    assert slots.busy(closed) == 1


def test_port_blocks_do_not_overlap() -> None:
    ports = Ports()
    blocks = [ports.take() for _ in range(20)]
    taken = {port for first in blocks for port in range(first, first + BLOCK)}
    assert len(taken) == 20 * BLOCK
    assert max(taken) < 32_768
    for first in blocks:
        ports.give_back(first)


def test_emulators_side_by_side_never_share_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the containers of both are still starting, so that nobody listens yet."""
    monkeypatch.setattr(random.SystemRandom, "randrange", lambda _, first, *__: first)
    one, other = Ports(), Ports()
    firsts = [ports.take() for _ in range(10) for ports in (one, other)]
    assert len(set(firsts)) == 20
    one.give_back(firsts[0])
    third = Ports()
    assert third.take() == firsts[0]
    for ports, taken in ((one, firsts[2::2]), (other, firsts[1::2]), (third, firsts[:1])):
        for first in taken:
            ports.give_back(first)


def test_a_container_sees_its_model_and_aws_and_little_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    seen = container_environment({"MODEL": "1", "SAGEMAKER_BIND_TO_PORT": "9"}, 23_000, "eu-west-1")
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert seen["AWS_REGION"] == "eu-west-1"
    assert seen["MODEL"] == "1"
    assert seen["SAGEMAKER_BIND_TO_PORT"] == "23000"
    assert seen["SAGEMAKER_SAFE_PORT_RANGE"] == "23000-23009"
    assert "PATH" in seen
    assert not {"SECRET_OF_THE_USER", "PYTHONPATH"} & set(seen)
