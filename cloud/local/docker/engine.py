"""The Docker Engine, through Docker's SDK, and what its refusals mean.

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
"""More than any question to an engine takes that answers at all."""


class Trouble(StrEnum):
    """Why Docker did not do what it was asked."""

    NO_COMMAND = "no command"
    NO_PERMISSION = "no permission"
    NOT_REACHED = "not reached"
    NOT_FOUND = "not found"
    REFUSED = "refused"


class DockerError(UnavailableError):
    """Docker did not do what it was asked; `trouble` says of which kind the reason is."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Listed:
    """A container as a list of them has it; `status` is for a person: `Up 3 minutes (healthy)`."""

    id: str
    name: str
    labels: Mapping[str, str]
    status: str


@contextmanager
def engine() -> Iterator[APIClient]:
    """A client for the length of a `with` block; what goes wrong in the block is DockerError outside of it.

    Raises:
        DockerError: the engine cannot be reached, does not have what it is asked about, or refuses.
    """
    # The SDK costs 0.2 s, which no other profile is to pay.
    from docker import APIClient  # noqa: PLC0415
    from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415

    try:
        with closing(APIClient(**_address(), timeout=int(QUESTION_SECONDS))) as client:
            yield client
    except NotFound as error:
        raise DockerError(Trouble.NOT_FOUND, error.explanation or str(error)) from error
    except APIError as error:
        raise DockerError(Trouble.REFUSED, error.explanation or str(error)) from error
    except (DockerException, OSError) as error:  # OSError: of its transport, not wrapped by it
        raise _not_reached(error) from error


def engine_url() -> str:
    """Where the engine is, for programs that know DOCKER_HOST and no contexts of Docker's command line."""
    return str(_address()["base_url"])


def containers(
    *labels: str, running: bool = False, network: str | None = None, port: int | None = None
) -> list[Listed]:
    """The containers, running or not, that bear all of these labels: `name` or `name=value`.

    Only those that are `running`, on a network, or publish a port, where that is asked for.
    """
    filters: dict[str, Any] = {"label": list(labels)} if labels else {}
    filters |= {"network": network} if network is not None else {}
    filters |= {"publish": str(port)} if port is not None else {}
    with engine() as client:
        found = client.containers(all=not running, filters=filters)
    return [
        Listed(one["Id"], one["Names"][0].lstrip("/"), one["Labels"] or {}, one["Status"])
        for one in found
        if one["Names"]  # none has one that is being removed
    ]


def remove(names: Sequence[str]) -> None:
    """Remove containers, running or not, by name or id; one that is gone is passed over."""
    for name in names:
        try:
            with engine() as client:
                client.remove_container(name, v=True, force=True)
        except DockerError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise


def _not_reached(error: Exception) -> DockerError:
    """The error of nobody who answers, with the first reason of all: the SDK says each layer's words."""
    reason: BaseException = error
    while (earlier := reason.__cause__ or reason.__context__) is not None:
        reason = earlier
    trouble = Trouble.NO_PERMISSION if isinstance(reason, PermissionError) else Trouble.NOT_REACHED
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(error)
    return DockerError(trouble, f"cannot connect to the Docker Engine at {engine_url()}: {words}")


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
                Trouble.NOT_REACHED, f"there is no docker context {name or 'of the current name'!r}"
            )
        certificates: object = context.TLSConfig  # None, against its type, without any
        found = {"base_url": context.Host, "tls": certificates or False}
    return found
