"""`python -m meshtwin.runtime weights` against a Hub of our own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meshtwin.runtime.settings import Settings
from meshtwin.runtime.weights.fetch import NOTES, fetch_all, token_in
from meshtwin.runtime.weights.hub import WeightsError
from meshtwin.runtime.weights.sources import sources
from tests.support.hub import Hub
from tests.support.runtime_server import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUNYUAN, DINO, ENLARGER, CUTTER = sources(Settings())
SHAPE = "hunyuan3d-dit-v2-1/model.fp16.ckpt"
PIECE = 10 * 2**20
"""What huggingface_hub writes at once."""


WANTED = {
    "LICENSE",
    "hunyuan3d-dit-v2-1/config.yaml",
    SHAPE,
    "hunyuan3d-paintpbr-v2-1/unet/config.json",
    "dinov2-giant/config.json",
    "dinov2-giant/model.safetensors",
}


def contents(size: int) -> bytes:
    return bytes(range(256)) * (size // 256)


@pytest.fixture
def hub() -> Iterator[Hub]:
    model, dino = ("model", HUNYUAN.repository), ("model", DINO.repository)
    files = {
        model: {
            "LICENSE": b"the licence",
            "hunyuan3d-dit-v2-1/config.yaml": b"model: {}",
            SHAPE: contents(25 * 2**20),
            "hunyuan3d-dit-v2-1/model.safetensors": b"the same, once more",
            "hunyuan3d-paintpbr-v2-1/unet/config.json": b"{}",
            "assets/teaser.png": b"a picture",
        },
        dino: {"config.json": b"{}", "model.safetensors": b"dino", "pytorch_model.bin": b"the same"},
        ("space", ENLARGER.repository): {"hy3dpaint/ckpt/RealESRGAN_x4plus.pth": b"another"},
        ("model", CUTTER.repository): {"u2net.onnx": b"another"},
    }
    commits = {
        model: HUNYUAN.revision,
        dino: DINO.revision,
        ("space", ENLARGER.repository): ENLARGER.revision,
        ("model", CUTTER.repository): "5" * 40,
    }
    made = Hub(files, commits, token="hf_right")
    with made.running():
        yield made


def start(folder: Path, url: str, *program: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(program or ("-m", "meshtwin.runtime", "weights", "--to", str(folder / "model")))],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(folder / "home"),
            "HF_ENDPOINT": url,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def fetch(folder: Path, url: str, *program: str, **environment: str) -> tuple[int, str]:
    process = start(folder, url, *program, **environment)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def two_sources(folder: Path) -> tuple[str, str]:
    """A program that fetches shape, paint and DINO alone: no file of ours has the other files' hashes."""
    return "-c", (
        "from pathlib import Path; from meshtwin.runtime.settings import Settings;"
        "from meshtwin.runtime.weights.fetch import fetch_all;"
        "from meshtwin.runtime.weights.sources import sources;"
        f"fetch_all(sources(Settings())[:2], Path({str(folder)!r}), 'hf_right')"
    )


def fetched(model: Path) -> set[str]:
    found = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()}
    return found - {NOTES, ".lock"}


def test_without_a_token_it_says_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    status, said = fetch(tmp_path, hub.url)
    assert status == 1
    assert said.startswith(f"tencent/Hunyuan3D-2.1 at {HUNYUAN.revision[:12]}: the Hub answers 401")
    assert "no HF_TOKEN is set" in said
    assert "accepted the model's licence" in said
    assert "Traceback" not in said


def test_with_a_wrong_token_too(hub: Hub, tmp_path: Path) -> None:
    status, said = fetch(tmp_path, hub.url, HF_TOKEN="hf_wrong")
    assert status == 1
    assert "HF_TOKEN may not read it" in said
    assert "hf_wrong" not in said


def test_a_revision_that_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    status, said = fetch(tmp_path, hub.url, HF_TOKEN="hf_right", RUNTIME_DINO_REVISION="v9")
    assert status == 1
    assert said.splitlines()[-1].startswith("facebook/dinov2-giant at v9: no such revision")


def test_a_revision_that_can_be_none_is_refused_as_every_setting(hub: Hub, tmp_path: Path) -> None:
    status, said = fetch(tmp_path, hub.url, RUNTIME_HUNYUAN_REVISION="a b")
    assert status == 2
    assert said.startswith("RUNTIME_HUNYUAN_REVISION 'a b': expected a commit")


def test_where_nobody_answers_the_network_is_asked_about(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    status, said = fetch(tmp_path, f"http://127.0.0.1:{port}", HF_TOKEN="hf_right")
    assert status == 1
    assert "the Hub cannot be reached" in said
    assert "HF_ENDPOINT" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_no_success_and_no_traceback(tmp_path: Path, stop: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", HF_TOKEN="hf_right")
        connection, _ = silent.accept()
        process.send_signal(stop)
        output, _ = process.communicate(timeout=60)
        connection.close()
    assert process.returncode == 128 + stop
    assert "Traceback" not in output


def test_a_folder_that_cannot_be_made_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "model").touch()
    status, said = fetch(tmp_path, hub.url, HF_TOKEN="hf_right")
    assert status == 1
    assert said.startswith(f"--to {tmp_path / 'model'}: ")


def test_nothing_is_begun_without_room_for_all(hub: Hub, tmp_path: Path) -> None:
    full = "import shutil; shutil.disk_usage = lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**7);"
    flag, program = two_sources(tmp_path / "model")
    status, said = fetch(tmp_path, hub.url, flag, full + program)
    assert status == 1
    assert "0.0 GB are to come and 0.0 GB are free" in said
    assert hub.downloads == []


def test_a_file_with_another_hash_is_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    status, said = fetch(tmp_path, hub.url, HF_TOKEN="hf_right")
    assert status == 1
    assert "RealESRGAN_x4plus.pth has SHA-256" in said
    assert fetched(tmp_path / "model") == WANTED


def test_a_connection_that_breaks_is_taken_up_where_it_stood(hub: Hub, tmp_path: Path) -> None:
    hub.cut_at = PIECE + 2**20
    hub.release.set()
    model = tmp_path / "model"
    status, said = fetch(tmp_path, hub.url, *two_sources(model))
    assert status == 0, said
    assert f"tencent/Hunyuan3D-2.1 at {HUNYUAN.revision[:12]}: 4 files, 0.0 GB of them to fetch" in said
    assert [asked for path, asked in hub.downloads if path == SHAPE and asked]
    assert (model / SHAPE).read_bytes() == contents(25 * 2**20)
    assert fetched(model) == WANTED
    hub.downloads.clear()
    status, said = fetch(tmp_path, hub.url, *two_sources(model))
    assert (status, hub.downloads) == (0, []), said


def test_a_download_that_was_killed_is_taken_up_where_it_stood(hub: Hub, tmp_path: Path) -> None:
    hub.cut_at = PIECE + 2**20
    model = tmp_path / "model"
    process = start(tmp_path, hub.url, *two_sources(model))
    begun = model / "hunyuan3d-dit-v2-1"
    wait_until(lambda: any(path.stat().st_size >= PIECE for path in begun.glob("*.partial")))
    assert fetch(tmp_path, hub.url, *two_sources(model))[1].endswith("expected one at a time\n")
    process.kill()
    process.communicate()
    hub.release.set()
    status, said = fetch(tmp_path, hub.url, *two_sources(model))
    assert status == 0, said
    assert (SHAPE, f"bytes={PIECE}-") in hub.downloads
    assert (model / SHAPE).read_bytes() == contents(25 * 2**20)
    assert fetched(model) == WANTED


def test_where_the_package_is_missing_the_other_image_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"huggingface_hub.*only the cuda image has it"):
        fetch_all(sources(Settings()), tmp_path, None)


def test_the_token_is_the_variable_or_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtwin.runtime.weights.fetch.SECRET", tmp_path / "hf_token")
    assert token_in({}) is None
    (tmp_path / "hf_token").write_text("hf_secret\n", encoding="utf-8")
    assert token_in({"HF_TOKEN": " "}) == "hf_secret"
    assert token_in({"HF_TOKEN": "hf_variable"}) == "hf_variable"
