"""The parts of the HTTP process that take time to load, put together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshtwin.runtime.http.app import create_app, invalid
from meshtwin.runtime.http.guard import Guard, is_loopback
from meshtwin.runtime.jobs.attempt import Means
from meshtwin.runtime.jobs.service import Service
from meshtwin.runtime.jobs.storage import Storage

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from meshtwin.runtime.jobs.scratch import Scratch
    from meshtwin.runtime.jobs.supervisor import Supervisor
    from meshtwin.runtime.settings import Settings

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
