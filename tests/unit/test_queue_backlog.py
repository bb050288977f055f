from __future__ import annotations

import tracemalloc
import uuid
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.queue.backlog import Backlog, Entry, any_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 100)),
        st.tuples(st.just("pop"), st.just(0)),
        st.tuples(st.just("expire"), st.integers(0, 100)),
        st.tuples(st.just("return"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_is_a_queue_by_position_whatever_is_returned_or_expires(steps: Sequence[tuple[str, int]]) -> None:
    backlog = Backlog()
    model: dict[int, Entry] = {}
    taken: list[Entry] = []
    for position, (step, number) in enumerate(steps):
        if step == "push":
            entry = Entry(position, f"r{position}", float(number))
            backlog.push(entry)
            model[position] = entry
        elif step == "pop":
            expected = model.pop(min(model)) if model else None
            found = backlog.pop()
            assert found == expected
            if found is not None:
                taken.append(found)
        elif step == "expire":
            gone = {entry for entry in model.values() if entry.expires_at <= number}
            assert set(backlog.pop_expired(number)) == gone
            model = {key: entry for key, entry in model.items() if entry not in gone}
        elif taken:
            returned = taken.pop()
            entry = returned._replace(fence=returned.fence + 1)
            backlog.push(entry)
            model[entry.position] = entry
        assert len(backlog) == len(model)
        assert backlog.next_expiry() == min((entry.expires_at for entry in model.values()), default=None)
        assert backlog.oldest() == min(model, default=None)
    assert backlog.pop_all() == [model[position] for position in sorted(model)]


def test_a_queued_request_costs_less_than_a_kilobyte() -> None:
    tracemalloc.start()
    try:
        backlog = Backlog()
        for n in range(10_000):
            backlog.push(Entry(1_800_000_000_000_000 + n, str(uuid.uuid4()), 1_800_021_600.0 + n))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 10_000 * 1000


def test_what_has_passed_through_leaves_nothing_behind() -> None:
    backlog = Backlog()
    tracemalloc.start()
    try:
        for n in range(10_000):
            backlog.push(Entry(n, "r", 1e9 + n))
            assert backlog.pop() is not None
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 1e6


def test_a_shuffled_queue_gives_each_request_once_in_no_promised_order() -> None:
    backlog = Backlog(any_turn)
    entries = [Entry(position, f"r{position}", float(position)) for position in range(200)]
    for entry in entries:
        backlog.push(entry)
    assert backlog.oldest() == 0
    taken = backlog.pop_all()
    assert sorted(taken) == entries
    assert taken != entries


def test_a_request_that_is_taken_out_is_neither_next_nor_expires() -> None:
    backlog = Backlog()
    for position in range(3):
        backlog.push(Entry(position, f"r{position}", float(position)))
    assert backlog.take("r0") == Entry(0, "r0", 0.0)
    assert backlog.take("r0") is None
    assert backlog.next_expiry() == 1.0
    assert [entry.request_id for entry in backlog.pop_expired(1.0)] == ["r1"]
    assert [entry.request_id for entry in backlog.pop_all()] == ["r2"]
