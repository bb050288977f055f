"""Instances: started until healthy, watched, replaced, stopped, and never left behind."""

from __future__ import annotations

import asyncio
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import psutil
import pytest

from meshtwin.emulator.core.clock import AdjustableClock, manual_clock
from meshtwin.emulator.sagemaker.fleet.fleets import Fleets
from meshtwin.emulator.sagemaker.fleet.launcher import Address
from meshtwin.emulator.sagemaker.fleet.logs import Logs
from meshtwin.emulator.sagemaker.fleet.ping import ping
from meshtwin.emulator.sagemaker.fleet.process import ProcessInstance, ProcessLauncher
from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
from meshtwin.emulator.sagemaker.fleet.spec import Container, FleetFailedError, LauncherAwayError
from tests.containers.echo import Handler, Server
from tests.support.harness import drive, program, settings_for, spec_for, until
from tests.support.processes import has_ended, running_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings
    from tests.support.harness import Harness

CONTAINER = "https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"


@asynccontextmanager
async def fleets_of(
    settings: Settings, clock: Clock | None = None
) -> AsyncIterator[tuple[Fleets, RunningFleets]]:
    made = Fleets(
        running := RunningFleets(),
        ProcessLauncher(settings, Logs(settings.log_dir)),
        [],
        clock or AdjustableClock(),
        settings,
    )
    try:
        yield made, running
    finally:
        await made.close()


def containers(parent: psutil.Process | None = None, name: str = "script") -> list[psutil.Process]:
    return running_program((parent or psutil.Process()).children(recursive=True), program(name))


def failure_of(settings: Settings, image: str, environment: dict[str, str], **changes: float) -> str:
    async def main() -> str:
        async with fleets_of(settings) as (fleets, running):
            with pytest.raises(FleetFailedError) as caught:
                await fleets.start(spec_for(image, environment=environment, **changes))
            assert running.get(spec_for().endpoint_name) is None
            return str(caught.value)

    reason = asyncio.run(main())
    assert len(reason) <= 1024
    assert not containers()
    return reason


@pytest.mark.documented(CONTAINER)
def test_a_fleet_starts_is_counted_and_stops(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleets_of(settings_for(tmp_path)) as (fleets, running):
            spec = spec_for("script", instance_count=2)
            await fleets.start(spec)
            assert running.healthy_count(spec.endpoint_name) == 2
            processes = containers()
            assert len(processes) == 2
            await fleets.stop(spec.endpoint_name)
            assert running.healthy_count(spec.endpoint_name) == 0
            assert not any(not has_ended(process) for process in processes)

    asyncio.run(main())


@pytest.mark.documented(CONTAINER)
def test_a_container_that_never_gets_healthy_fails_with_its_last_words(tmp_path: Path) -> None:
    reason = failure_of(settings_for(tmp_path), "script", {"PING_STATUS": "503"}, startup_timeout=0.5)
    assert reason.startswith(
        "The primary container for production variant main did not pass the ping health check"
    )
    assert "not healthy within 0.5 s" in reason


@pytest.mark.assumed
def test_a_container_that_exits_is_tried_a_few_times(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, startup_attempts=2)
    reason = failure_of(settings, "script", {"EXIT_AT_ONCE": "1"})
    assert "exit code 3" in reason
    assert reason.endswith("no weights in /opt/ml/model")
    assert len(list(tmp_path.glob("*/main/*.log"))) == 2


@pytest.mark.field_report("https://github.com/yuyasugano/terraform-sagemaker-sample-1/issues/1")
def test_an_unknown_image_is_named_with_the_way_out(tmp_path: Path) -> None:
    reason = failure_of(settings_for(tmp_path), "no-such-image:1", {})
    assert reason.startswith(
        "Please make sure all images included in the model for the production variant main exist, and that "
        "the execution role used to create the model has permissions to access them."
    )
    assert "no-such-image:1" in reason
    assert "commands" in reason


@pytest.mark.assumed
def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, commands={"x": ("/no/such/program",)}, startup_attempts=1)
    assert "cannot start '/no/such/program': No such file" in failure_of(settings, "x", {})


@pytest.mark.assumed
def test_the_startup_window_is_real_time_also_on_a_clock_that_stands_still(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleets_of(settings_for(tmp_path), manual_clock()) as (fleets, _):
            spec = spec_for("script", environment={"PING_STATUS": "503"}, startup_timeout=0.3)
            with pytest.raises(FleetFailedError, match=r"not healthy within 0.3 s; /ping: "):
                await fleets.start(spec)

    asyncio.run(main())


@pytest.mark.assumed
def test_an_instance_that_does_not_start_is_tried_again_on_a_clock_that_stands_still(tmp_path: Path) -> None:
    async def main() -> None:
        flag = tmp_path / "started-once"
        start = f"[ -e {flag} ] && exec {shlex.join(program('script'))}; touch {flag}; exit 1"
        settings = settings_for(tmp_path, commands={"second": ("sh", "-c", start)})
        async with fleets_of(settings, manual_clock()) as (fleets, running):
            spec = spec_for("second")
            await fleets.start(spec)
            assert running.healthy_count(spec.endpoint_name) == 1

    asyncio.run(main())


@pytest.mark.assumed
def test_a_fleet_that_was_in_service_comes_back_once_its_launcher_can_start_instances(tmp_path: Path) -> None:
    class Away(ProcessLauncher):
        """A launcher whose engine is not there for the first few calls, in one way or another."""

        failures: ClassVar[list[Exception]] = [LauncherAwayError("no engine"), RuntimeError("can't start")]

        async def launch(self, spec: FleetSpec, on_lost: Callable[[], None]) -> ProcessInstance:
            if self.failures:
                raise self.failures.pop()
            return await super().launch(spec, on_lost)

    async def main() -> None:
        settings = settings_for(tmp_path)
        running = RunningFleets()
        fleets = Fleets(running, Away(settings, Logs(settings.log_dir)), [], manual_clock(), settings)
        spec = spec_for("script")
        fleets.restore(spec)
        fleets.restore(spec)
        await until(lambda: running.healthy_count(spec.endpoint_name) == 1)
        assert len(running.instances(spec.endpoint_name)) == 1
        await fleets.close()

    asyncio.run(main())


@pytest.mark.assumed
def test_a_container_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleets_of(settings_for(tmp_path, stop_grace=0.3)) as (fleets, _):
            spec = spec_for("script", environment={"DEAF": "1"})
            await fleets.start(spec)
            (process,) = containers()
            begun = time.monotonic()
            await fleets.stop(spec.endpoint_name)
            assert 0.3 <= time.monotonic() - begun < 5
            assert has_ended(process)

    asyncio.run(main())


@pytest.mark.assumed
def test_an_instance_that_stops_answering_pings_is_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        settings = settings_for(tmp_path, ping_timeout=0.2, stop_grace=0.2)
        async with fleets_of(settings) as (fleets, running):
            spec = spec_for("script")
            await fleets.start(spec)
            (process,) = containers()
            process.suspend()
            await until(lambda: bool(has_ended(process)))
            await until(lambda: running.healthy_count(spec.endpoint_name))
            assert containers() != [process]

    asyncio.run(main())


@pytest.mark.assumed
def test_a_busy_container_of_one_thread_is_left_alone(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("single")
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"1")
        record = await harness.ended(request)
        assert (record["state"], record["fence"]) == ("completed", "1")

    drive(aws, settings_for(tmp_path, ping_timeout=0.1, ping_interval=0.1), scenario)


@pytest.mark.assumed
def test_an_update_keeps_the_old_fleet_until_the_new_one_is_healthy(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        others = containers(name="echo")
        old = spec_for("echo")
        await harness.fleets.start(old)
        bad = spec_for(
            "script",
            endpoint_name=old.endpoint_name,
            environment={"PING_STATUS": "503"},
            startup_timeout=0.5,
        )
        with pytest.raises(FleetFailedError):
            await harness.fleets.start(bad)
        assert harness.running_fleets.healthy_count(old.endpoint_name) == 1
        assert (await harness.ended(await harness.submit(old)))["state"] == "completed"
        new = spec_for("script", endpoint_name=old.endpoint_name, instance_count=2)
        await harness.fleets.start(new)
        assert harness.running_fleets.healthy_count(old.endpoint_name) == 2
        await until(lambda: containers(name="echo") == others)
        assert (await harness.ended(await harness.submit(new)))["state"] == "completed"

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_a_container_that_is_already_running_is_used_and_left_running(aws: str, tmp_path: Path) -> None:
    mine = Server(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=mine.serve_forever)
    serving.start()
    address = f"http://127.0.0.1:{mine.server_port}"
    try:

        async def scenario(harness: Harness) -> None:
            spec = spec_for(container=Container(address))
            await harness.fleets.start(spec)
            request = await harness.submit(spec)
            assert (await harness.ended(request))["state"] == "completed"
            await harness.fleets.stop(spec.endpoint_name)

        drive(aws, settings_for(tmp_path), scenario)
        assert asyncio.run(ping(Address("127.0.0.1", mine.server_port), 10)).healthy
    finally:
        mine.shutdown()
        mine.server_close()
        serving.join()


@pytest.mark.assumed
@pytest.mark.parametrize("deaf", ["", "1"])
def test_nothing_survives_an_emulator_that_is_killed(tmp_path: Path, deaf: str) -> None:
    parent = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from meshtwin.emulator.core.clock import AdjustableClock
        from meshtwin.emulator.sagemaker.fleet.fleets import Fleets
        from meshtwin.emulator.sagemaker.fleet.logs import Logs
        from meshtwin.emulator.sagemaker.fleet.process import ProcessInstance, ProcessLauncher
        from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
        from tests.support.harness import settings_for, spec_for
        async def main():
            settings = settings_for(Path({str(tmp_path)!r}))
            launcher = ProcessLauncher(settings, Logs(settings.log_dir))
            fleets = Fleets(RunningFleets(), launcher, [], AdjustableClock(), settings)
            await fleets.start(spec_for("script", environment={{"DEAF": {deaf!r}}}))
            print("ready", flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """)
    emulator = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    try:
        assert emulator.stdout is not None
        with emulator.stdout as said:
            assert b"ready\n" in iter(said.readline, b"")
        descendants = psutil.Process(emulator.pid).children(recursive=True)
        assert len(descendants) == 2
    finally:
        emulator.send_signal(signal.SIGKILL)
        emulator.wait()
    deadline = time.monotonic() + 10
    while any(not has_ended(process) for process in descendants):
        assert time.monotonic() < deadline
        time.sleep(0.02)
