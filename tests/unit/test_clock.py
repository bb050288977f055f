from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.clock import AdjustableClock, iso_millis, manual_clock, within


def test_the_manual_clock_wakes_sleepers_in_the_order_of_their_times() -> None:
    async def scenario() -> list[float]:
        clock = manual_clock(start=0)
        woken: list[float] = []

        async def sleeper(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(clock.now())

        tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (30, 10, 20)]
        await asyncio.sleep(0)
        await clock.advance(25)
        assert clock.now() == 25
        assert not tasks[0].done()
        await clock.advance(5)
        return woken

    assert asyncio.run(scenario()) == [10, 20, 30]


def test_a_sleeper_woken_by_an_advance_may_sleep_again_within_it() -> None:
    async def scenario() -> int:
        clock = manual_clock(start=0)
        ticks = 0

        async def ticker() -> None:
            nonlocal ticks
            while True:
                await clock.sleep(60)
                ticks += 1

        task = asyncio.create_task(ticker())
        await asyncio.sleep(0)
        await clock.advance(6 * 3600)
        task.cancel()
        return ticks

    assert asyncio.run(scenario()) == 360


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=8))
def test_advances_add_up(steps: list[float]) -> None:
    async def scenario() -> float:
        clock = manual_clock(start=0)
        for step in steps:
            before = clock.now()
            await clock.advance(step)
            assert clock.now() >= before
        return clock.now()

    assert asyncio.run(scenario()) == pytest.approx(sum(steps))


def test_work_that_outlives_its_time_on_the_clock_is_cancelled() -> None:
    async def scenario() -> bool:
        clock = manual_clock()
        forever = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(clock, 900, forever))
        await clock.advance(899)
        assert not waiting.done()
        await clock.advance(1)
        with pytest.raises(TimeoutError, match="900"):
            await waiting
        return forever.cancelled()

    assert asyncio.run(scenario())


def test_work_that_ends_in_time_gives_its_result() -> None:
    async def scenario() -> str:
        return await within(manual_clock(), 1, asyncio.sleep(0, "done"))

    assert asyncio.run(scenario()) == "done"


def test_a_fast_clock_runs_at_its_speed() -> None:
    async def scenario() -> float:
        clock = AdjustableClock(speed=1000)
        before = clock.now()
        await clock.sleep(20)
        return clock.now() - before

    assert 20 <= asyncio.run(scenario()) < 2000


@pytest.mark.parametrize("speed", [-1, float("inf"), float("nan")])
def test_a_speed_that_no_clock_has_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        AdjustableClock(speed=speed)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        asyncio.run(manual_clock().advance(-1))


def test_a_change_of_speed_reaches_those_who_sleep_already() -> None:
    async def scenario() -> float:
        clock = manual_clock(start=0)
        sleeper = asyncio.create_task(clock.sleep(3600))
        await asyncio.sleep(0)
        clock.set_speed(1_000_000)
        await asyncio.wait_for(sleeper, 5)
        return clock.now()

    assert asyncio.run(scenario()) >= 3600


def test_an_advance_waits_for_work_that_holds_the_clock() -> None:
    async def scenario() -> list[float]:
        clock = manual_clock(start=0)
        seen: list[float] = []

        async def ticker() -> None:
            while True:
                await clock.sleep(60)
                with clock.held():
                    await clock.poll(0.005)
                    seen.append(clock.now())

        task = asyncio.create_task(ticker())
        await asyncio.sleep(0)
        await clock.advance(200)
        task.cancel()
        return seen

    assert asyncio.run(scenario()) == [60, 120, 180]


def test_a_running_clock_can_be_moved_too() -> None:
    async def scenario() -> float:
        clock = AdjustableClock()
        before = clock.now()
        sleeper = asyncio.create_task(clock.sleep(3600))
        await clock.advance(3600)
        await asyncio.wait_for(sleeper, 5)
        return clock.now() - before

    assert 3600 <= asyncio.run(scenario()) < 3610


def test_sleepers_that_were_cancelled_do_not_pile_up() -> None:
    async def scenario() -> int:
        clock = AdjustableClock()
        for _ in range(1000):
            await within(clock, 900, asyncio.sleep(0))
        return len(clock._sleepers)

    assert asyncio.run(scenario()) < 200


def test_times_are_written_as_sagemaker_writes_them() -> None:
    assert iso_millis(1_777_888_807.2144) == "2026-05-04T10:00:07.214Z"
