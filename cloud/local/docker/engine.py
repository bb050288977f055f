"""The Docker command line, and what its refusals mean.

Compose is driven through its command line, so that compose.yaml stays the one description of the services,
for people too; the few questions to the engine go the same way, and so obey the same contexts.
"""

from __future__ import annotations

import os
import subprocess
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUESTION_SECONDS = 30.0
"""More than any question to an engine takes that answers at all."""


_COMPOSE_ELSEWHERE = frozenset({"COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"})


class Trouble(StrEnum):
    """Why Docker did not do what it was asked."""

    NO_COMMAND = "no command"
    NO_PERMISSION = "no permission"
    NOT_REACHED = "not reached"
    REFUSED = "refused"


class DockerError(UnavailableError):
    """Docker did not do what it was asked; `trouble` says of which kind the reason is."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


def docker(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout: float = QUESTION_SECONDS,
    both: bool = False,
) -> str:
    """What `docker ARGUMENTS` prints on standard output; on standard error, too, where `both`.

    It has a session of its own, so that Ctrl-C in the terminal reaches this process alone, and a folder where
    no compose.yaml of somebody else's is found.

    Raises:
        DockerError: there is no such command, the engine cannot be reached, or it refuses.
    """
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the words are ours
            ["docker", *arguments],  # noqa: S607  # the one that the user's PATH has
            env=clean(os.environ if environment is None else environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if both else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise DockerError(Trouble.NO_COMMAND, "there is no `docker` command on PATH") from error
    except subprocess.TimeoutExpired as error:
        words = f"`docker {' '.join(arguments)}` said nothing for {timeout:g} s"
        raise DockerError(Trouble.NOT_REACHED, words) from error
    if done.returncode != 0:
        raise _error(arguments, (done.stderr or "").strip() or done.stdout.strip())
    return done.stdout.strip()


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would make compose read other files, or start more, than it is told."""
    return {name: value for name, value in environment.items() if name not in _COMPOSE_ELSEWHERE}


def _error(arguments: Sequence[str], said: str) -> DockerError:
    lower = said.lower()
    if "permission denied" in lower and "docker" in lower and "connect" in lower:
        return DockerError(Trouble.NO_PERMISSION, said)
    if "cannot connect to the docker daemon" in lower or "error during connect" in lower:
        return DockerError(Trouble.NOT_REACHED, said)
    if "failed to connect to the docker api" in lower or "no such host" in lower:
        return DockerError(Trouble.NOT_REACHED, said)
    return DockerError(Trouble.REFUSED, f"`docker {' '.join(arguments)}`: {said or 'no reason given'}")


def engine_url() -> str:
    """Where the engine is, for programs that know DOCKER_HOST and no contexts of Docker's command line."""
    return os.environ.get("DOCKER_HOST") or docker(
        "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"
    )


def lines(*arguments: str) -> list[str]:
    """What `docker ARGUMENTS` prints, by lines, without empty ones."""
    return [line for line in docker(*arguments).splitlines() if line.strip()]
