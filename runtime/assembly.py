"""The parts of the HTTP process that take time to load, put together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from runtime.app import create_app, invalid
from runtime.attempt import Means
from runtime.guard import Guard, is_loopback
from runtime.service import Service
from runtime.storage import Storage

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from runtime.scratch import Scratch
    from runtime.settings import Settings
    from runtime.supervisor import Supervisor

TRANSFER_THREADS = "transfer"


class Assembly:
    """The application, the service behind it, and what that works with."""

    def __init__(self, settings: Settings, supervisor: Supervisor, scratch: Scratch) -> None:
        self._storage = Storage()
        self._transfers = ThreadPoolExecutor(4, thread_name_prefix=TRANSFER_THREADS)
        self.service = Service(Means(settings, self._storage, supervisor, scratch, self._transfers))
        self.app: ASGIApp = create_app(self.service)
        if is_loopback(settings.host):
            self.app = Guard(self.app, partial(invalid, status=HTTPStatus.FORBIDDEN))

    def close(self) -> None:
        """Close connections and let threads end, without waiting for those that hang."""
        self._transfers.shutdown(wait=False, cancel_futures=True)
        self._storage.close()
