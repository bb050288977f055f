"""One at a time, a few waiting, in order; and how long steps take."""

from __future__ import annotations

import asyncio

import pytest

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.jobs.halt import Halt
from meshtwin.runtime.jobs.queue import Turns
from meshtwin.runtime.jobs.stopwatch import Stopwatch


def test_turns_come_in_order_and_the_line_is_bounded() -> None:
    async def scenario() -> list[int]:
        turns, done = Turns(most_waiting=2), list[int]()

        async def job(number: int, turn: asyncio.Future[None]) -> None:
            await turns.wait(turn, Halt())
            done.append(number)
            await asyncio.sleep(0)
            turns.give_back()

        jobs = [job(number, turns.ask()) for number in range(3)]
        assert (turns.running, turns.waiting) == (1, 2)
        with pytest.raises(JobError, match="RUNTIME_QUEUE=2") as refused:
            turns.ask()
        assert refused.value.code is ErrorCode.BUSY
        await asyncio.gather(*reversed(jobs))
        assert (turns.running, turns.waiting) == (0, 0)
        return done

    assert asyncio.run(scenario()) == [0, 1, 2]


def test_who_is_halted_leaves_the_line_and_the_next_moves_up() -> None:
    async def scenario() -> None:
        turns, halt = Turns(most_waiting=2), Halt()
        turns.ask()
        leaving = asyncio.create_task(turns.wait(turns.ask(), halt))
        staying = asyncio.create_task(turns.wait(turns.ask(), Halt()))
        await asyncio.sleep(0)
        halt.ask(JobError(ErrorCode.NOT_READY, "stopping"), patience=0)
        with pytest.raises(JobError, match="stopping"):
            await leaving
        assert turns.waiting == 1
        turns.give_back()
        await staying
        assert (turns.running, turns.waiting) == (1, 0)

    asyncio.run(scenario())


def test_only_the_first_reason_to_halt_counts() -> None:
    async def scenario() -> None:
        halt = Halt()
        halt.check()
        halt.ask(JobError(ErrorCode.DEADLINE_EXCEEDED, "late"), patience=1)
        halt.ask(JobError(ErrorCode.NOT_READY, "stopping"), patience=0)
        await halt.wait()
        with pytest.raises(JobError, match="late"):
            halt.check()
        assert halt.patience == 1

    asyncio.run(scenario())


def test_a_stopwatch_tells_each_step_once_and_adds_up() -> None:
    now = iter([0.0, 1.0, 3.0, 3.0, 3.0, 7.0, 7.0, 7.0, 8.5, 10.0]).__next__
    ended: list[tuple[str, float]] = []
    watch = Stopwatch(lambda step, seconds: ended.append((step, seconds)), now)
    watch.begin("a")  # at 1
    watch.begin("a")
    watch.begin("b")  # a ends at 3
    watch.end()  # b ends at 3
    watch.end()
    watch.begin("a")  # at 7
    assert ended == [("a", 2.0), ("b", 0.0)]
    watch.end()
    assert watch.seconds.keys() == {"a", "b"}
    assert list(watch.seconds) == ["a", "b"]
