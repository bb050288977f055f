"""The `docker` command, for what Docker's SDK does not do: compose, and the builders."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from meshtwin.cloud.local.docker.engine import QUESTION_SECONDS, DockerError, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPOSE_ELSEWHERE = frozenset({"COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"})


def docker(*arguments: str, environment: Mapping[str, str]) -> str:
    """What `docker ARGUMENTS` prints on standard output.

    It has a session of its own, so that Ctrl-C in the terminal reaches this process alone, and a folder where
    no compose.yaml of somebody else's is found.

    Raises:
        DockerError: there is no such command, it says nothing, or it refuses.
    """
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the words are ours
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
        raise DockerError(Trouble.NO_COMMAND, "there is no `docker` command on PATH") from error
    except subprocess.TimeoutExpired as error:
        words = f"`docker {' '.join(arguments)}` said nothing for {QUESTION_SECONDS:g} s"
        raise DockerError(Trouble.NOT_REACHED, words) from error
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip() or "no reason given"
        raise DockerError(Trouble.REFUSED, f"`docker {' '.join(arguments)}`: {said}")
    return done.stdout.strip()


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would make compose read other files, or start more, than it is told."""
    return {name: value for name, value in environment.items() if name not in _COMPOSE_ELSEWHERE}
