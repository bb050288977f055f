"""The HTTP process's application and what it owns; imported late, as it loads slowly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshtwin.runtime.http.app import create_app, invalid
from meshtwin.runtime.http.guard import Guard, is_loopback
from meshtwin.runtime.jobs.run import Dependencies
from meshtwin.runtime.jobs.service import Service
from meshtwin.runtime.jobs.storage import Storage

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from meshtwin.runtime.jobs.scratch import Scratch
    from meshtwin.runtime.jobs.supervisor import Supervisor
    from meshtwin.runtime.settings import Settings

TRANSFER_THREADS = "transfer"


class Assembly:
    """The application, its service, and what they own."""

    def __init__(self, settings: Settings, supervisor: Supervisor, scratch: Scratch) -> None:
        self._storage = Storage()
        self._transfers = ThreadPoolExecutor(4, thread_name_prefix=TRANSFER_THREADS)
        self.service = Service(Dependencies(settings, self._storage, supervisor, scratch, self._transfers))
        self.app: ASGIApp = create_app(self.service)
        if is_loopback(settings.host):
            self.app = Guard(self.app, partial(invalid, status=HTTPStatus.FORBIDDEN))

    def close(self) -> None:
        """Close connections and shut threads down, without waiting for those that hang."""
        self._transfers.shutdown(wait=False, cancel_futures=True)
        self._storage.close()
