"""Settings from an environment."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.runtime import settings
from meshtwin.runtime.settings import Settings, SettingsError, unknown_variables

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_set_is_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment(dict.fromkeys(Settings.variables(), " ")) == Settings()


def test_each_variable_is_read(tmp_path: Path) -> None:
    found = Settings.from_environment(
        {
            "RUNTIME_BACKEND": "my_backends.fast:Backend",
            "RUNTIME_DEVICE": "cuda:1",
            "RUNTIME_HOST": "0.0.0.0",
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "RUNTIME_QUEUE": "0",
            "RUNTIME_JOB_DEADLINE_SECONDS": "1.5",
            "RUNTIME_GRACE_SECONDS": "0",
            "RUNTIME_STARTUP_SECONDS": "60",
            "RUNTIME_MAX_PICTURE_BYTES": "1000",
            "RUNTIME_MAX_MESH_BYTES": "2000",
            "RUNTIME_ALLOWED_BUCKETS": "images, pipeline async-io",
            "RUNTIME_WORKER_NICE": "0",
            "RUNTIME_SCRATCH": str(tmp_path),
            "RUNTIME_USER": "nobody",
            "RUNTIME_HUNYUAN_REVISION": "refs/pr/5",
            "RUNTIME_DINO_REVISION": "main",
        }
    )
    assert found == Settings(
        backend="my_backends.fast:Backend",
        device="cuda:1",
        host="0.0.0.0",
        port=9000,
        queue=0,
        job_deadline_seconds=1.5,
        grace_seconds=0,
        startup_seconds=60,
        max_image_bytes=1000,
        max_mesh_bytes=2000,
        allowed_buckets=("images", "pipeline", "async-io"),
        worker_nice=0,
        scratch=tmp_path,
        user="nobody",
        hunyuan_revision="refs/pr/5",
        dino_revision="main",
    )


BAD = [
    ("RUNTIME_BACKEND", "Relief"),
    ("RUNTIME_BACKEND", "os.system"),
    ("RUNTIME_DEVICE", "gpu"),
    ("RUNTIME_DEVICE", "cuda:"),
    ("RUNTIME_HOST", "0.0.0.0 8080"),
    ("SAGEMAKER_BIND_TO_PORT", "65536"),
    ("SAGEMAKER_BIND_TO_PORT", "http"),
    ("RUNTIME_QUEUE", "-1"),
    ("RUNTIME_QUEUE", "4.0"),
    ("RUNTIME_JOB_DEADLINE_SECONDS", "0"),
    ("RUNTIME_JOB_DEADLINE_SECONDS", "nan"),
    ("RUNTIME_GRACE_SECONDS", "inf"),
    ("RUNTIME_GRACE_SECONDS", "25s"),
    ("RUNTIME_MAX_MESH_BYTES", "1GB"),
    ("RUNTIME_WORKER_NICE", "20"),
    ("RUNTIME_ALLOWED_BUCKETS", "s3://images"),
    ("RUNTIME_ALLOWED_BUCKETS", "images *"),
    ("RUNTIME_SCRATCH", "/no/such/folder"),
    ("RUNTIME_USER", "no-such-user"),
    ("RUNTIME_USER", "10001"),
    ("RUNTIME_DINO_REVISION", "main main"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_cannot_be_meant_is_named_with_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert str(refused.value).startswith(f"{name} {value!r}: expected ")


def test_a_system_without_a_folder_for_temporary_files_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert not settings._temporary().exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SettingsError, match=r"RUNTIME_SCRATCH: no folder for temporary .* --tmpfs /tmp"):
        Settings.from_environment({})


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"RUNTIME_QUEUE": "x", "RUNTIME_WORKER_NICE": "y"})
    assert len(str(refused.value).splitlines()) == 2


@given(st.sampled_from(sorted(Settings.variables())), st.text(max_size=30))
def test_any_text_is_a_setting_or_refused_in_words(name: str, value: str) -> None:
    try:
        Settings.from_environment({name: value})
    except SettingsError as refused:
        assert name in str(refused)  # noqa: PT017  # either outcome is right


def test_other_variables_of_the_family_are_found() -> None:
    assert unknown_variables({"RUNTIME_QUEU": "1", "RUNTIME_QUEUE": "1", "PATH": "/"}) == ["RUNTIME_QUEU"]
