"""The serverless emulator in a process of their own, with a manifest, and ways to call them."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.emulator import Running, running_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FUNCTIONS = Path(__file__).parents[1] / "functions"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


@dataclass(frozen=True)
class Hosting(Running):
    """The serverless emulator that answers at `url`; functions' logs are under `folder`."""

    folder: Path

    def state(self) -> Any:
        """What /_serverless says."""
        return self.send("/_serverless", method="GET").json

    def function(self, name: str) -> Any:
        """What it says of one function."""
        return self.state()["functions"][name]

    def function_log(self, name: str) -> str:
        """All that a function has written."""
        return (self.folder / "functions" / f"{name}.log").read_text(encoding="utf-8")


def manifest(functions: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML of functions; without `code`, those under tests/functions."""
    lines = []
    for name, table in functions.items():
        lines.append(f"[functions.{name}]")
        given = {"code": str(FUNCTIONS), **table}
        lines += [f"{key} = {_toml(value)}" for key, value in given.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


@contextmanager
def run_serverless(
    folder: Path,
    functions: Mapping[str, Mapping[str, Any]],
    *,
    store_url: str = "http://127.0.0.1:9",
    options: Sequence[str] = (),
) -> Iterator[Hosting]:
    """The emulator of the functions, on the SNS and SQS at `store_url`, which log into `folder`."""
    file, log = folder / "functions.toml", folder / "serverless.log"
    file.write_text(manifest(functions), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": store_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [
        *(
            sys.executable,
            "-m",
            "meshtwin.emulator.serverless",
            "--exit-with-stdin",
            "--functions",
            str(file),
        ),
        *("--log-dir", str(folder), *options),
    ]
    with running_program(command, environment, log, what="the serverless emulator", stop_seconds=30) as (
        url,
        process,
    ):
        yield Hosting(url, process, log, folder)
