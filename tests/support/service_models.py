"""The SDK's descriptions of services, read once for all sessions of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from botocore.loaders import Loader

_READ: dict[Any, Any] = {}


def read_service_models_once() -> None:
    """From now on. A new session reads megabytes of JSON for its first clients, and a test has many sessions.

    What a session keeps for all of its clients, all sessions keep here.
    """
    create = botocore.session.create_loader

    def create_sharing(search_path_string: str | None = None) -> Loader:
        loader = create(search_path_string)
        setattr(loader, "_cache", _READ)  # noqa: B010  # what `instance_cache` looks into
        return loader

    setattr(botocore.session, "create_loader", create_sharing)  # noqa: B010  # the name that sessions call
