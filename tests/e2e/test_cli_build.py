"""`meshtwin build` and `meshtwin queue` as a person uses them, beside a running `up` and without one."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image

from meshtwin.cloud.createbuild.api import BuildApi
from meshtwin.minecraft.voxel.export.document import read_document
from meshtwin.minecraft.voxel.read.read import read_model
from tests.support.build_page import placed
from tests.support.builds import read_litematic, read_schem
from tests.support.shell import PICTURE, Shell, assert_all_gone, frozen_worker, new_shell, only_for_aws
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = ("--size", "8")
ARTEFACTS = {
    *("image.png", "shape.glb", "textured.glb", "build.json.gz", "materials.csv", "preview.png"),
    *("preview.glb", "build.schem", "build.v3.schem", "build.litematic", "model.vox", "structures.zip"),
}


def build_api(shell: Shell) -> BuildApi:
    settings = shell.json("status")["environment"]
    return BuildApi(settings["BUILD_API_URL"], settings["BUILD_API_TOKEN"])


@contextmanager
def queued(shell: Shell, count: int) -> Iterator[list[str]]:
    """As many builds, the first of which is at work."""
    api = build_api(shell)
    with frozen_worker(shell):
        ids = [str(api.submit({"prompt": f"a cat {number}", "size": 8})["jobId"]) for number in range(count)]
        wait_until(lambda: api.status(ids[0])["status"] == "RUNNING")
        yield ids


def check_files(folder: Path, told: dict[str, Any]) -> None:
    """Every artefact is there, opens, and is of the size that the status says."""
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in made if not name.startswith(("commands/", "datapack-build_"))} == ARTEFACTS
    assert any(name.startswith("commands/") for name in made)
    assert len(list(folder.glob("datapack-build_*.zip"))) == 1
    size = tuple(told["dimensions"].values())
    for blocks in (
        read_schem((folder / "build.schem").read_bytes()),
        read_litematic((folder / "build.litematic").read_bytes()),
    ):
        assert blocks.size == size
        assert int((blocks.cells != 0).sum()) == told["voxelCount"]
    document = (folder / "build.json.gz").read_bytes()
    assert read_document(document).job_id == told["jobId"]
    assert len(placed(document)) == told["voxelCount"]
    for name in ("image.png", "preview.png"):
        with Image.open(folder / name) as picture:
            picture.load()
    for name in ("shape.glb", "textured.glb", "preview.glb"):
        assert read_model(folder / name).primitives


def test_a_prompt_becomes_every_file(shell: Shell) -> None:
    told = shell.json(
        *("build", "a red dragon", "--size", "24", "--kinds", "4", "--hollow", "1", "--rotation", "1"),
        *("--min-part", "0.1", "--anchor", "10,70,20", "--seed", "7", "--game", "1.20.1"),
    )
    folder = shell.folder / "out" / "build" / "a-red-dragon"
    assert told["job"]["status"] == "SUCCEEDED"
    assert max(told["job"]["dimensions"].values()) == 24
    assert told["files"]["build.schem"] == "out/build/a-red-dragon/build.schem"
    check_files(folder, told["job"])


def test_a_person_is_told_of_each_stage_and_a_picture_of_ones_own_needs_no_prompt(shell: Shell) -> None:
    done = shell.here("build", "--image", str(PICTURE), *SMALL)
    assert done.returncode == 0, done.stderr
    folder = f"out/build/{PICTURE.stem}"
    for words in ("is accepted", "fetching the files", f"Preview: {folder}/preview.png"):
        assert words in done.stderr
    for words in ("image generation", "voxelization", "blocks", f"{folder}/build.schem"):
        assert words in done.stdout
    job_id = done.stderr.partition("job ")[2].partition(" is accepted")[0]
    check_files(shell.folder / folder, build_api(shell).status(job_id))


def test_ctrl_c_and_impatience_leave_the_job_to_be_waited_for(shell: Shell) -> None:
    stderr = shell.folder / "stderr.txt"
    before = len(stderr.read_text())
    with frozen_worker(shell):
        build = shell.start("build", "a green tree", *SMALL)
        wait_until(lambda: "is accepted" in stderr.read_text()[before:])
        build.send_signal(signal.SIGINT)
        assert build.wait(40) == 130
        said = stderr.read_text()[before:]
        assert "Traceback" not in said
        waiting = ("build", "--job", named_job(said), "--out", "tree")
        not_yet = shell.here(*waiting, "--timeout", "0.1")
        assert not_yet.returncode == 6, not_yet.stderr
        assert named_job(not_yet.stderr) == named_job(said)
    told = shell.json(*waiting)
    check_files(shell.folder / "tree", told["job"])


def named_job(said: str) -> str:
    """The job in the command that waits for it."""
    return said.replace("\n", " ").partition("meshtwin build --job ")[2].partition("`")[0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "nothing to build"),
        ([""], 2, "nothing to build"),
        (["  "], 2, "prompt is empty"),
        (["a cat", "--size", "huge"], 2, "small, medium, large or 8..256"),
        (["a cat", "--size", "7"], 2, "8..256"),
        (["a cat", "--size", "99999999999999999999"], 2, "8..256"),
        (["a cat", "--palette", "gray"], 2, "greyscale"),
        (["a cat", "--palette", "stone!,dirt"], 2, "stone!"),
        (["a cat", "--anchor", "1,2"], 2, "expected three whole numbers, x,y,z"),
        (["a cat", "--anchor", "30000000,64,0"], 2, "anchor.x"),
        (["a cat", "--game", "1.0"], 2, "a version of the game"),
        (["a cat", "--seed", "4294967296"], 2, "seed"),
        (["a cat", "--min-part", "2"], 2, "min-part"),
        (["a\ncat"], 2, "line breaks"),
        (["x" * 501], 2, "500"),
        (["--image", "nowhere.png"], 2, "no such file"),
        (["--image", "large.png"], 2, "make it smaller"),
        (["--image", "text.png"], 2, "imageUpload is not an image"),
        (["--job", "0123456789ab"], 2, "0123456789ab"),
        (["--job", "../../x"], 2, "x"),
        (["a naked statue", "--size", "8"], 3, "does not allow these words"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_built_is_said(shell: Shell, arguments: list[str], code: int, words: str) -> None:
    (shell.folder / "large.png").write_bytes(b"\x89PNG" * 300_000)
    (shell.folder / "text.png").write_text("no picture")
    done = shell.here("build", *arguments, "--out", "nothing")
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert not (shell.folder / "nothing").exists()


def test_an_api_that_is_not_there_and_a_token_that_is_wrong(shell: Shell) -> None:
    for variable, value, words in (
        ("BUILD_API_URL", "http://127.0.0.1:9", "does not answer at http://127.0.0.1:9"),
        ("BUILD_API_TOKEN", "wrong", "refuses the token of BUILD_API_TOKEN"),
    ):
        done = Shell(shell.folder, shell.environment | {variable: value}).here("build", "a cat", *SMALL)
        assert done.returncode == 7, done.stderr
        assert words in done.stderr.replace("\n", " ")


def test_the_queue_is_shown_and_a_build_is_called_off(shell: Shell) -> None:
    with queued(shell, 3) as ids:
        shown = shell.json("queue", "list")["jobs"]
        assert [(row["job_id"], row["position"]) for row in shown] == [*zip(ids, (0, 1, 2), strict=True)]
        assert len(shell.json("queue", "list", "--limit", "2")["jobs"]) == 2
        assert "running" in shell.here("queue", "list").stdout
        for job_id in (ids[2], ids[0]):
            assert shell.json("queue", "cancel", job_id) == {
                "job_id": job_id,
                "state": "CANCELED",
                "ended_now": True,
            }
        done = shell.here("build", "--job", ids[0])
        assert done.returncode == 3
        assert "was cancelled" in done.stderr
    assert shell.json("build", "--job", ids[1], "--out", "second")["job"]["status"] == "SUCCEEDED"
    done = shell.here("queue", "cancel", ids[1])
    assert (done.returncode, "had finished before: SUCCEEDED" in done.stdout) == (0, True)
    assert shell.json("queue", "list") == {"jobs": []}
    assert "no build waits" in shell.here("queue", "list").stdout
    for strange in ("0123456789ab", "lease#0"):
        missing = shell.here("queue", "cancel", strange)
        assert missing.returncode == 2
        assert "there is no such job" in missing.stderr


def test_the_queue_is_cleared(shell: Shell) -> None:
    with queued(shell, 4) as ids:
        plan = shell.json("queue", "clear", "--dry-run")
        assert (plan["queued"], plan["active"], plan["done"]) == (ids[1:], ids[:1], False)
        assert [slot["job"] for slot in plan["places"]] == ids[:1]
        assert len(shell.json("queue", "list")["jobs"]) == 4
        cleared = shell.json("queue", "clear", "--waiting-only")
        assert (cleared["queued"], cleared["active"], cleared["done"]) == (ids[1:], [], True)
        assert [row["job_id"] for row in shell.json("queue", "list")["jobs"]] == ids[:1]
        done = shell.here("queue", "clear")
        assert done.returncode == 0, done.stderr
        assert "0 waiting and 1 running: cancelled; 1 of the worker's slots: released" in done.stdout
        assert shell.json("queue", "list") == {"jobs": []}
    assert shell.json("build", "a cat", *SMALL, "--out", "after")["job"]["status"] == "SUCCEEDED"


def test_on_sagemaker_clearing_asks_first(shell: Shell) -> None:
    settings = shell.json("status")["environment"]
    services = {name: value for name, value in settings.items() if name.startswith("AWS_")}
    aws = Shell(shell.folder, only_for_aws(shell) | services | {"MESHTWIN_PROFILE": "sagemaker"})
    with queued(shell, 2) as ids:
        unasked = aws.run("queue", "clear")
        assert unasked.returncode == 1
        assert "1 waiting and 1 running: would be cancelled" in unasked.stderr
        assert "for everybody who uses it?" in unasked.stderr
        assert len(aws.json("queue", "list")["jobs"]) == 2
        assert aws.json("queue", "clear", "--dry-run")["done"] is False
        assert aws.json("queue", "clear", "--yes")["queued"] == ids[1:]
        assert aws.json("queue", "list") == {"jobs": []}


def test_without_a_table_the_queue_says_so(shell: Shell) -> None:
    other = Shell(shell.folder, shell.environment | {"JOB_TABLE": "no-such-table"})
    done = other.here("queue", "list")
    assert done.returncode == 7
    assert "no-such-table" in done.stderr
    assert new_shell(shell.folder / "elsewhere").here("queue", "list").returncode == 7


def ours(folder: Path) -> list[psutil.Process]:
    """Processes that were started for a shell in this folder."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if str(folder) in json.dumps(process.info["environ"] or {})
    ]


def test_from_nothing_it_starts_all_and_leaves_nothing_running(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    done = shell.run("build", "a yellow duck", *SMALL, "--json", timeout=280)
    assert done.returncode == 0, done.stderr
    check_files(tmp_path / "out" / "build" / "a-yellow-duck", json.loads(done.stdout)["job"])
    assert_all_gone(ours(tmp_path))


def test_interrupted_alone_it_stops_everything(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    build = shell.start("build", "a yellow duck", *SMALL)
    stderr = tmp_path / "stderr.txt"
    wait_until(lambda: "is accepted" in stderr.read_text(), 200)
    family = psutil.Process(build.pid).children(recursive=True)
    build.send_signal(signal.SIGINT)
    assert build.wait(60) == 130
    assert_all_gone(family)
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in stderr.read_text()
    assert "continues" not in stderr.read_text()


def test_a_job_to_wait_for_starts_nothing(tmp_path: Path) -> None:
    done = new_shell(tmp_path).here("build", "--job", "0123456789ab")
    assert done.returncode == 7
    assert "is not running" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_setting_of_the_functions_that_makes_no_sense_is_said_at_once(tmp_path: Path) -> None:
    shell = new_shell(tmp_path)
    done = Shell(shell.folder, shell.environment | {"MAX_ACTIVE_JOBS": "many"}).here("up")
    assert done.returncode == 2
    assert "MAX_ACTIVE_JOBS 'many': expected a whole number, 1 to 100" in done.stderr
