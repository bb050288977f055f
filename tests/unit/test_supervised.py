from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from meshtwin.emulator.core.supervised import Supervised


def test_a_task_that_raises_is_logged_and_runs_again_until_it_returns() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        tasks = Supervised()
        await tasks.run("deadlines", work)
        await asyncio.sleep(0)
        assert len(tasks) == 0

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert runs == 2
    assert [(line["event"], line["task"]) for line in logs] == [("background_task_failed", "deadlines")]


def test_a_task_that_runs_once_is_logged_where_it_raises() -> None:
    async def work() -> None:
        raise RuntimeError("no")

    async def scenario() -> None:
        await Supervised().run_once("register", work())

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert [line["event"] for line in logs] == ["background_task_failed"]


def test_closing_cancels_a_task_also_while_it_waits_to_run_again() -> None:
    async def failing() -> None:
        raise RuntimeError("always")

    async def scenario() -> None:
        tasks = Supervised()
        waiting = tasks.run("failing", failing)
        endless = tasks.run("endless", asyncio.Event().wait)
        await asyncio.sleep(0)
        await tasks.close()
        assert waiting.cancelled()
        assert endless.cancelled()

    with capture_logs():
        asyncio.run(scenario())


def test_work_that_its_caller_has_left_goes_on_and_its_failure_is_logged() -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("begun")
        await asyncio.sleep(0)
        steps.append("ended")
        raise RuntimeError("nobody waits for it")

    async def scenario() -> None:
        tasks = Supervised()
        caller = asyncio.ensure_future(tasks.finish("invocation", work()))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(tasks) == 0

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert steps == ["begun", "ended"]
    assert [(line["event"], line["task"]) for line in logs] == [("background_task_failed", "invocation")]
