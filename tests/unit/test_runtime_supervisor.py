"""One worker after the other: which deaths are a loss, and how long the next one waits."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any, Self

import pytest

from meshtwin.runtime.contract import ErrorCode, JobError, Params, Stage
from meshtwin.runtime.jobs import memory, supervisor
from meshtwin.runtime.jobs.cancellation import CancellationToken
from meshtwin.runtime.jobs.messages import Done, Failed, Job, Ready, StepStarted, WorkerEvent
from meshtwin.runtime.jobs.supervisor import Supervisor
from meshtwin.runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READY = Ready(backend="scripted", device="cpu")
DONE = Done(vertices=4, faces=4, watertight=True, subject="alpha", peak_vram_bytes=None)
JOB = Job(stage=Stage.SHAPE, image="", shape=None, outputs={}, params=Params(), seed=0)


class FakeWorker:
    """Says what is in `script`, then dies; a job's answer is said once there is a job."""

    scripts: list[list[WorkerEvent | None]]
    started: int

    def __init__(self, script: list[WorkerEvent | None]) -> None:
        self._script = script
        self._job = asyncio.Event()
        self.process = self
        self.pid = 0

    @classmethod
    async def start(cls, _: Settings) -> Self:
        cls.started += 1
        return cls(cls.scripts.pop(0) if cls.scripts else [READY, None])

    def send(self, _: object) -> None:
        self._job.set()

    async def receive(self) -> WorkerEvent | None:
        message = self._script.pop(0)
        if message is not None and message is not READY:
            await self._job.wait()
        return message

    async def wait_ended(self) -> str:
        return signal.SIGKILL.name

    def kill(self) -> None: ...


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each start waits, which takes no time here."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(supervisor, "Worker", FakeWorker)
    monkeypatch.setattr(asyncio, "sleep", pause)
    FakeWorker.started = 0
    return waited


def keeping(until: Callable[[Supervisor], Any], *scripts: list[WorkerEvent | None], **settings: Any) -> Any:
    """What `until` gives, beside a supervisor that keeps a worker of each script, and then some that die."""

    async def main() -> Any:
        FakeWorker.scripts = list(scripts)
        kept = Supervisor(Settings(**settings))
        task = asyncio.create_task(kept.supervise())
        try:
            return await until(kept)
        finally:
            task.cancel()
            await asyncio.wait({task})

    return asyncio.run(main())


async def ten_workers(_: Supervisor) -> None:
    while FakeWorker.started < 10:  # noqa: ASYNC110  # each turn of the loop is a step of the supervisor
        await asyncio.sleep(0)


def test_a_worker_that_is_ready_and_dies_again_and_again_is_started_ever_later(pauses: list[float]) -> None:
    keeping(ten_workers)
    assert [each for each in pauses if each][:9] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


async def one_job(kept: Supervisor) -> Done:
    await kept.wait_ready(CancellationToken())
    return await kept.run(JOB, lambda _: None, CancellationToken())


def test_one_that_did_a_job_is_replaced_at_once(pauses: list[float]) -> None:
    async def job_and_more(kept: Supervisor) -> None:
        while FakeWorker.started < 3:  # noqa: ASYNC110  # see above
            await asyncio.sleep(0)
        assert await one_job(kept) == DONE
        await ten_workers(kept)

    keeping(job_and_more, [READY, None], [READY, None], [READY, DONE, None])
    assert [each for each in pauses if each][:4] == [0.25, 0.5, 0.25, 0.5]


@pytest.mark.parametrize(("killed", "code"), [(1, ErrorCode.OUT_OF_MEMORY), (0, ErrorCode.WORKER_CRASHED)])
def test_a_worker_killed_for_memory_says_so(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch, killed: int, code: ErrorCode
) -> None:
    counts = iter([7, 7 + killed])
    monkeypatch.setattr(memory, "oom_kills", lambda: next(counts, 7 + killed))
    began = StepStarted(stage=Stage.SHAPE, step="shape.inflate", fraction=0.5)
    with pytest.raises(JobError, match=r"shape\.inflate") as failed:
        keeping(one_job, [READY, began, None])
    assert failed.value.code is code
    del pauses


def test_a_job_that_fails_as_it_should_is_no_reason_for_a_pause(pauses: list[float]) -> None:
    async def job_and_more(kept: Supervisor) -> None:
        with pytest.raises(JobError, match="no triangles"):
            await one_job(kept)
        await ten_workers(kept)

    keeping(job_and_more, [READY, Failed(code=ErrorCode.INVALID_MESH, message="no triangles"), None])
    assert [each for each in pauses if each][:2] == [0.25, 0.5]
    assert FakeWorker.started == 10


@pytest.mark.parametrize(("seconds", "reloading"), [(600.0, True), (0.0, False)])
def test_a_lost_worker_is_reloading_until_it_takes_too_long(
    pauses: list[float], seconds: float, *, reloading: bool
) -> None:
    async def lost(kept: Supervisor) -> bool:
        assert not kept.reloading, "nothing has been loaded yet"
        while kept.backend is None or kept.ready:  # noqa: ASYNC110  # see above
            await asyncio.sleep(0)
        return kept.reloading

    assert keeping(lost, [READY, None], startup_seconds=seconds) is reloading
    del pauses


def test_a_worker_that_does_not_come_is_not_waited_for(pauses: list[float]) -> None:
    dying: list[list[WorkerEvent | None]] = [[None] for _ in range(9)]
    with pytest.raises(JobError, match="RUNTIME_STARTUP_SECONDS=0") as refused:
        keeping(one_job, *dying, startup_seconds=0.0)
    assert refused.value.code is ErrorCode.NOT_READY
    del pauses


@pytest.mark.parametrize("namespace", ["/", "/docker/0123"])
def test_kills_for_memory_are_counted_by_both_versions_of_control_groups(
    tmp_path: Path, namespace: str
) -> None:
    group = tmp_path / "cgroup"
    assert memory.oom_kills(group, tmp_path) == 0
    group.write_text(f"4:cpu,memory:{namespace}\n1:name=systemd:/\n", encoding="ascii")
    (tmp_path / "memory").mkdir()
    counts = tmp_path / "memory" / "memory.oom_control"
    counts.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", encoding="ascii")
    assert memory.oom_kills(group, tmp_path) == 3
    group.write_text(f"0::{namespace}\n", encoding="ascii")
    (tmp_path / "memory.events").write_text("low 0\noom 6\noom_kill 5\noom_group_kill 0\n", encoding="ascii")
    assert memory.oom_kills(group, tmp_path) == 5
