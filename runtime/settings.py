"""The container's settings, read from the environment; `docs/container.md` documents them."""

from __future__ import annotations

import os
import pwd
import re
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _temporary() -> Path:
    """The system's folder for temporary files; where none is writable, `from_environment` raises."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path(tempfile.gettempprefix(), "none")


BUCKET_FORM = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class SettingsError(ValueError):
    """Invalid settings; the message has a line for each, with what is expected."""


def _integer(least: int, most: int) -> Callable[[str], int]:
    expected = f"a whole number, {least}..{most}"

    def read(text: str) -> int:
        if re.fullmatch(r"-?\d{1,15}", text) is None or not least <= int(text) <= most:
            raise ValueError(expected)
        return int(text)

    return read


def _seconds(least: float, most: float) -> Callable[[str], float]:
    expected = f"seconds, {least:g}..{most:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= value <= most:
            raise ValueError(expected)
        return value

    return read


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(expected)
        return text

    return read


def _user(text: str) -> str:
    try:
        return pwd.getpwnam(text).pw_name
    except (KeyError, ValueError):
        raise ValueError("the name of a user of this system") from None


def _folder(text: str) -> Path:
    if not Path(text).is_dir() or not os.access(text, os.W_OK):
        raise ValueError("a folder that exists and can be written to")
    return Path(text)


def _buckets(text: str) -> tuple[str, ...]:
    names = tuple(text.replace(",", " ").split())
    if not all(BUCKET_FORM.fullmatch(name) for name in names):
        raise ValueError("names of buckets, with spaces or commas between them")
    return names


_revision = _matching(r"[\w./-]{1,250}", "a commit, tag or branch of the repository")


def _from(variable: str, read: Callable[[str], Any], default: object) -> Any:  # noqa: ANN401  # dataclasses.field is typed so
    """A field that is read from an environment variable."""
    return field(default=default, metadata={"variable": variable, "read": read})


@dataclass(frozen=True, slots=True)
class Settings:
    """One container's settings."""

    backend: str = _from(
        "RUNTIME_BACKEND",
        _matching(
            r"auto|relief|hunyuan|[A-Za-z_][\w.]*:[A-Za-z_]\w*", "auto, relief, hunyuan or module:Class"
        ),
        "auto",
    )
    """The backend: see `meshtwin.runtime.backends.registry`."""

    device: str = _from(
        "RUNTIME_DEVICE", _matching(r"auto|cpu|cuda(:\d{1,2})?", "auto, cpu, cuda or cuda:N"), "auto"
    )
    """Where a torch backend runs: see `meshtwin.runtime.device`."""

    host: str = _from(
        "RUNTIME_HOST",
        _matching(r"\S+", "an address to listen on, such as 127.0.0.1 or 0.0.0.0"),
        "127.0.0.1",
    )
    """The address to listen on; the Docker images set 0.0.0.0."""

    port: int = _from("SAGEMAKER_BIND_TO_PORT", _integer(0, 65535), 8080)
    """0 takes any free port. https://docs.aws.amazon.com/sagemaker/latest/dg/multi-container-direct.html"""

    queue: int = _from("RUNTIME_QUEUE", _integer(0, 1000), 4)
    """Jobs that may wait behind the running one."""

    job_deadline_seconds: float = _from("RUNTIME_JOB_DEADLINE_SECONDS", _seconds(0.1, 86_400), 3600.0)
    """How long a job may run. The default is SageMaker's longest InvocationTimeoutSeconds."""

    grace_seconds: float = _from("RUNTIME_GRACE_SECONDS", _seconds(0, 3600), 25.0)
    """How long the running job may go on after SIGTERM. SageMaker sends SIGKILL 30 s after it."""

    startup_seconds: float = _from("RUNTIME_STARTUP_SECONDS", _seconds(1, 3600), 600.0)
    """How long a worker may take to load its backend before it is restarted."""

    max_image_bytes: int = _from("RUNTIME_MAX_PICTURE_BYTES", _integer(1, 2**40), 64 * 2**20)
    """Largest `input_s3` that is downloaded."""

    max_mesh_bytes: int = _from("RUNTIME_MAX_MESH_BYTES", _integer(1, 2**40), 256 * 2**20)
    """Largest `shape_s3` that is downloaded."""

    allowed_buckets: tuple[str, ...] = _from("RUNTIME_ALLOWED_BUCKETS", _buckets, ())
    """The buckets that jobs may use; empty: all that the container's role may access."""

    worker_nice: int = _from("RUNTIME_WORKER_NICE", _integer(0, 19), 10)
    """The worker's niceness, as in nice(1): /ping is answered by another process."""

    scratch: Path = _from(  # noqa: RUF009  # a Path cannot be changed
        "RUNTIME_SCRATCH", _folder, _temporary()
    )
    """The folder for files while a job runs."""

    user: str | None = _from("RUNTIME_USER", _user, None)
    """The user to switch to when started as root, as SageMaker does. None: stay root."""

    hunyuan_revision: str = _from(
        "RUNTIME_HUNYUAN_REVISION", _revision, "0b94677654c57bb9a6b6845cd7b704ccf551d327"
    )
    """Of https://huggingface.co/tencent/Hunyuan3D-2.1, for `python -m meshtwin.runtime weights`."""

    dino_revision: str = _from("RUNTIME_DINO_REVISION", _revision, "611a9d42f2335e0f921f1e313ad3c1b7178d206d")
    """Of https://huggingface.co/facebook/dinov2-giant."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in `environment`; an empty variable counts as not set.

        Raises:
            SettingsError: with each invalid variable, its value and what is expected.
        """
        values, problems = {}, []
        for each in fields(cls):
            variable = each.metadata["variable"]
            text = environment.get(variable, "").strip()
            if not text:
                continue
            try:
                values[each.name] = each.metadata["read"](text)
            except ValueError as expected:
                problems.append(f"{variable} {text!r}: expected {expected}")
        settings = cls(**values)
        if not os.access(settings.scratch, os.W_OK):
            problems.append(
                "RUNTIME_SCRATCH: no folder for temporary files can be written to; expected one, "
                "such as docker run --tmpfs /tmp gives"
            )
        if problems:
            raise SettingsError("\n".join(problems))
        return settings

    @classmethod
    def variables(cls) -> dict[str, object]:
        """Every variable that is read, with its default."""
        return {each.metadata["variable"]: each.default for each in fields(cls)}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are not: a typing error, or another program's."""
    known = Settings.variables()
    return sorted(name for name in environment if name.startswith("RUNTIME_") and name not in known)
