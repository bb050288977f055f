"""One at a time, a few waiting, in order; and how long steps take."""

from __future__ import annotations

import asyncio

import pytest

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.jobs.cancellation import CancellationToken
from meshtwin.runtime.jobs.queue import JobQueue
from meshtwin.runtime.jobs.stopwatch import Stopwatch


def test_turns_come_in_order_and_the_line_is_bounded() -> None:
    async def scenario() -> list[int]:
        queue, done = JobQueue(most_waiting=2), list[int]()

        async def job(number: int, turn: asyncio.Future[None]) -> None:
            await queue.wait(turn, CancellationToken())
            done.append(number)
            await asyncio.sleep(0)
            queue.release()

        jobs = [job(number, queue.join()) for number in range(3)]
        assert (queue.running, queue.waiting) == (1, 2)
        with pytest.raises(JobError, match="RUNTIME_QUEUE=2") as refused:
            queue.join()
        assert refused.value.code is ErrorCode.BUSY
        await asyncio.gather(*reversed(jobs))
        assert (queue.running, queue.waiting) == (0, 0)
        return done

    assert asyncio.run(scenario()) == [0, 1, 2]


def test_who_is_halted_leaves_the_line_and_the_next_moves_up() -> None:
    async def scenario() -> None:
        queue, token = JobQueue(most_waiting=2), CancellationToken()
        queue.join()
        leaving = asyncio.create_task(queue.wait(queue.join(), token))
        staying = asyncio.create_task(queue.wait(queue.join(), CancellationToken()))
        await asyncio.sleep(0)
        token.cancel(JobError(ErrorCode.NOT_READY, "stopping"), grace=0)
        with pytest.raises(JobError, match="stopping"):
            await leaving
        assert queue.waiting == 1
        queue.release()
        await staying
        assert (queue.running, queue.waiting) == (1, 0)

    asyncio.run(scenario())


def test_only_the_first_reason_to_halt_counts() -> None:
    async def scenario() -> None:
        token = CancellationToken()
        token.check()
        token.cancel(JobError(ErrorCode.DEADLINE_EXCEEDED, "late"), grace=1)
        token.cancel(JobError(ErrorCode.NOT_READY, "stopping"), grace=0)
        await token.wait()
        with pytest.raises(JobError, match="late"):
            token.check()
        assert token.grace == 1

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
