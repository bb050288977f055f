"""Functions killed with SIGKILL again and again while builds run: each ends once, and well."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from meshtwin.cloud.createbuild.api import BuildApi
from meshtwin.emulator.lambda_ import bootstrap
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.lease import Leases
from meshtwin.minecraft.jobs.table import JobTable
from meshtwin.minecraft.pipeline.policy import policies
from tests.support.processes import command_line, running_module
from tests.support.shell import Shell, assert_all_gone, new_shell, running_up
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

BOOTSTRAP = Path(bootstrap.__file__)
PLACES = 4


@dataclass(frozen=True)
class Storm:
    """So many jobs, and how many of each function's processes are killed at their work, at most."""

    jobs: int
    kills: dict[str, int]


SHORT = Storm(2, {"createbuild-worker": 2, "createbuild-text-to-image": 1, "createbuild-glb-to-vox": 1})
LONG = Storm(12, {"createbuild-worker": 24, "createbuild-text-to-image": 8, "createbuild-glb-to-vox": 8})

STEPS = {"createbuild-text-to-image": Step.IMAGE, "createbuild-glb-to-vox": Step.VOXELS}
POLICIES = policies(image_seconds=0, endpoint_seconds=0, voxel_seconds=0)

SPEED = 15
"""Of the host's clock: it sweeps every 4 s, and calls again what was killed after 4 and 8 s."""

PAUSE = 0.1
SETTINGS = {
    "MAX_ACTIVE_JOBS": str(PLACES),
    # The functions' clock is the real one: killed workers' leases run out.
    "LEASE_SECONDS": "5",
}


def at_work(page: urllib.request.Request, up: psutil.Process) -> dict[str, list[psutil.Process]]:
    """The processes of functions that are at work just now, by function."""
    with urllib.request.urlopen(page, timeout=30) as answer:  # noqa: S310  # ours
        functions = json.load(answer)["functions"]
    idle = {pid for function in functions.values() for pid in function["warm"]}
    found: dict[str, list[psutil.Process]] = {name: [] for name in LONG.kills}
    for child in up.children(recursive=True):
        with suppress(psutil.Error):
            # Its guard has the same words behind its own.
            is_one = command_line(child)[1:4] == ["-s", "-P", str(BOOTSTRAP)] and child.pid not in idle
            name = child.environ().get("AWS_LAMBDA_FUNCTION_NAME") if is_one else None
            found.get(str(name), []).append(child)
    return found


def may_lose_it(table: JobTable, jobs: list[str], function: str) -> bool:
    """Whether each job can lose its process of the function and still be built: an attempt is left.

    Asked when the process has been seen: the row's attempt is that of the process, or a later one.
    """
    step = STEPS.get(function)
    if step is None:
        return True  # the worker is called again for as long as a job has not ended
    at_it = [job for job in map(table.get, jobs) if job is not None and job.step is step]
    return all(job.attempt < POLICIES[step].attempts for job in at_it)


def kill_again_and_again(
    look: Callable[[], dict[str, list[psutil.Process]]],
    may_lose: Callable[[str], bool],
    most: dict[str, int],
    stop: threading.Event,
    kills: Counter[str],
) -> None:
    dice = random.Random(5)  # noqa: S311  # not to be secret
    while not stop.wait(PAUSE):
        for name, processes in look().items():
            if processes and kills[name] < most[name] and may_lose(name):
                with suppress(psutil.NoSuchProcess):
                    dice.choice(processes).kill()
                    kills[name] += 1


def logged(shell: Shell, event: str) -> Counter[str]:
    """How often the worker's log has the event, by job."""
    log = shell.folder / "state" / "logs" / "embedded" / "functions" / "createbuild-worker.log"
    counts: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        if line.startswith("{") and (entry := json.loads(line)).get("event") == event:
            counts[entry["job_id"]] += 1
    return counts


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = new_shell(tmp_path)
    return Shell(shell.folder, shell.environment | SETTINGS)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "storm", [SHORT, pytest.param(LONG, marks=pytest.mark.soak(seconds=180))], ids=["short", "long"]
)
def test_each_build_ends_once_whoever_is_killed_and_up_ends_in_words_with_its_host(
    shell: Shell, storm: Storm
) -> None:
    with running_up(shell, "--speed", str(SPEED), seconds=110) as (process, _):
        settings = shell.json("status")["environment"]
        api = BuildApi(settings["BUILD_API_URL"], settings["BUILD_API_TOKEN"])
        words = ("dragon", "house", "tree", "cat", "castle")
        accepted = [
            api.submit({"prompt": f"a {words[number % 5]}", "size": 8, "seed": number})
            for number in range(storm.jobs)
        ]
        jobs = [one["jobId"] for one in accepted]
        table = job_table(settings)
        key = {"Authorization": f"Bearer {settings['AWS_ACCESS_KEY_ID']}"}
        page = urllib.request.Request(f"{settings['AWS_ENDPOINT_URL_LAMBDA']}/_serverless", headers=key)  # noqa: S310
        up = psutil.Process(process.pid)
        stop, kills = threading.Event(), Counter[str]()
        look, may_lose = partial(at_work, page, up), partial(may_lose_it, table, jobs)
        killer = threading.Thread(
            target=kill_again_and_again, args=(look, may_lose, storm.kills, stop, kills)
        )
        killer.start()
        try:
            ends = [wait_until(partial(ended, table, job), 900) for job in jobs]
        finally:
            stop.set()
            killer.join()
        assert {end["state"] for end in ends} == {"SUCCEEDED"}, [
            (end["state"], end.get("error")) for end in ends
        ]
        assert all(kills[name] for name in storm.kills), kills
        assert max(logged(shell, "ended").values()) == 1
        assert [ended(table, job) for job in jobs] == ends
        assert shell.json("queue", "list")["jobs"] == []
        assert {status_at(one["statusUrl"], api.token) for one in accepted} == {"SUCCEEDED"}
        assert [lease.job for lease in Leases(table, PLACES).all()] == [None] * PLACES
        table.client.close()
        family = up.children(recursive=True)
        (serverless,) = running_module(family, "meshtwin.emulator.serverless")
        serverless.kill()
        assert process.wait(60) == 7
    assert "serverless has ended" in (shell.folder / "stderr.txt").read_text()
    assert_all_gone(family)


def status_at(url: str, token: str) -> str:
    """What a plugin sees that asks where it was told to."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # ours
        return str(json.load(answer)["status"])


def job_table(settings: dict[str, str]) -> JobTable:
    client = boto3.client(
        "dynamodb",
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
    return JobTable(client, settings["JOB_TABLE"], lambda: 0.0)


def ended(table: JobTable, job_id: str) -> dict[str, Any] | None:
    """The row of a job that has ended, as it is in the table: no function is asked, they are being killed."""
    job = table.get(job_id)
    assert job is not None
    if job.ended_at is None:
        return None
    return {
        "state": job.state.value,
        "ended_at": job.ended_at,
        "updated_at": job.updated_at,
        "error": job.error,
        "fence": job.fence,
    }
