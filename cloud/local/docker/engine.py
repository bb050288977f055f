"""The Docker Engine, through Docker's SDK, and its errors.

It is the engine that the `docker` command uses: DOCKER_HOST's, else that of the context.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docker import APIClient

QUESTION_SECONDS = 30.0
"""A timeout longer than any answer of an engine takes."""


class FailureKind(StrEnum):
    """Why a call to Docker failed."""

    NO_COMMAND = "no command"
    NO_PERMISSION = "no permission"
    NOT_REACHED = "not reached"
    NOT_FOUND = "not found"
    REFUSED = "refused"


class DockerError(UnavailableError):
    """A call to Docker failed; `kind` says why."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the list of containers; `status` is a text such as `Up 3 minutes (healthy)`."""

    id: str
    name: str
    labels: Mapping[str, str]
    status: str


@contextmanager
def engine() -> Iterator[APIClient]:
    """A client for the length of a `with` block; its errors are raised as DockerError.

    Raises:
        DockerError: the engine cannot be reached, has no such object, or refuses.
    """
    # The SDK takes 0.2 s to import, which only this profile needs.
    from docker import APIClient  # noqa: PLC0415
    from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415

    try:
        with closing(APIClient(**_address(), timeout=int(QUESTION_SECONDS))) as client:
            yield client
    except NotFound as error:
        raise DockerError(FailureKind.NOT_FOUND, error.explanation or str(error)) from error
    except APIError as error:
        raise DockerError(FailureKind.REFUSED, error.explanation or str(error)) from error
    except (DockerException, OSError) as error:  # OSError: its transport's, which it does not wrap
        raise _not_reached(error) from error


def engine_url() -> str:
    """The engine's URL, for programs that know DOCKER_HOST but not the contexts of Docker's command line."""
    return str(_address()["base_url"])


def containers(
    *labels: str, running: bool = False, network: str | None = None, port: int | None = None
) -> list[Listed]:
    """The containers, running or not, that have all of these labels: `name` or `name=value`.

    Optionally only those that are `running`, are on a network, or publish a port.
    """
    filters: dict[str, Any] = {"label": list(labels)} if labels else {}
    filters |= {"network": network} if network is not None else {}
    filters |= {"publish": str(port)} if port is not None else {}
    with engine() as client:
        found = client.containers(all=not running, filters=filters)
    return [
        Listed(one["Id"], one["Names"][0].lstrip("/"), one["Labels"] or {}, one["Status"])
        for one in found
        if one["Names"]  # a container that is being removed has none
    ]


def remove(names: Sequence[str]) -> None:
    """Remove containers, running or not, by name or id, where they exist."""
    for name in names:
        try:
            with engine() as client:
                client.remove_container(name, v=True, force=True)
        except DockerError as error:
            if error.kind is not FailureKind.NOT_FOUND:
                raise


def _not_reached(error: Exception) -> DockerError:
    """The error of an unreachable engine, with its root cause: the SDK repeats every layer's message."""
    reason: BaseException = error
    while (earlier := reason.__cause__ or reason.__context__) is not None:
        reason = earlier
    kind = FailureKind.NO_PERMISSION if isinstance(reason, PermissionError) else FailureKind.NOT_REACHED
    message = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(error)
    return DockerError(kind, f"cannot connect to the Docker Engine at {engine_url()}: {message}")


def _address() -> dict[str, Any]:
    """The engine's URL and certificates, as `APIClient` takes them."""
    from docker.context import ContextAPI  # noqa: PLC0415  # see above
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    if os.environ.get("DOCKER_HOST"):
        found: dict[str, Any] = dict(kwargs_from_env())
    else:
        name = os.environ.get("DOCKER_CONTEXT")
        context = ContextAPI.get_context(name)
        if context is None:
            raise DockerError(
                FailureKind.NOT_REACHED, f"there is no docker context {name or 'of the current name'!r}"
            )
        certificates: object = context.TLSConfig  # None, against its type, without any
        found = {"base_url": context.Host, "tls": certificates or False}
    return found
