"""The `docker` command, for what Docker's SDK does not do: compose, and the builders."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.engine import QUESTION_SECONDS, DockerError, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPOSE_ELSEWHERE = frozenset({"COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"})


def docker(*arguments: str, environment: Mapping[str, str]) -> str:
    """The standard output of `docker ARGUMENTS`.

    It has a session of its own, so that Ctrl-C in the terminal reaches only this process, and a working
    folder without another compose.yaml.

    Raises:
        DockerError: the command is missing, does not respond, or fails.
    """
    try:
        done = subprocess.run(  # noqa: S603  # no shell; our own arguments
            ["docker", *arguments],  # noqa: S607  # the one that the user's PATH has
            env=clean(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=QUESTION_SECONDS,
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise DockerError(FailureKind.NO_COMMAND, "there is no `docker` command on PATH") from error
    except subprocess.TimeoutExpired as error:
        message = f"`docker {' '.join(arguments)}` did not respond within {QUESTION_SECONDS:g} s"
        raise DockerError(FailureKind.NOT_REACHED, message) from error
    if done.returncode != 0:
        reason = done.stderr.strip() or done.stdout.strip() or "no reason given"
        raise DockerError(FailureKind.REFUSED, f"`docker {' '.join(arguments)}`: {reason}")
    return done.stdout.strip()


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without the variables that add files or profiles to compose."""
    return {name: value for name, value in environment.items() if name not in _COMPOSE_ELSEWHERE}
