"""Creates the profile's resources again while `meshtwin up` runs, where the store has restarted empty."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.cloud.errors import CloudError
from meshtwin.cloud.resources import ensure_resources
from meshtwin.cloud.scaling import ensure_scaling
from meshtwin.cloud.spec.endpoint import VARIANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.cloud.client import Client

INTERVAL_SECONDS = 2.0


class ResourceReconciler:
    """Creates missing resources again, in a thread of its own, for the length of a `with` block.

    The alarms are lost with them, and an endpoint at zero could not be woken: where it `scales`, they are
    created again, too. `notify` is called from that thread, and only when something was created: the emulator
    itself reports a store that is unreachable.
    """

    def __init__(
        self,
        client: Client,
        notify: Callable[[str], None],
        *,
        scales: bool,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._client = client
        self._notify = notify
        self._interval = interval
        self._stop = threading.Event()
        self._scales = scales
        self._scaling_due = False
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, without waiting for a call that hangs."""
        self._stop.set()
        self._thread.join(1)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._reconcile()
            except (BotoCoreError, ClientError, CloudError):
                continue  # the store is unreachable: retry in the next round

    def _reconcile(self) -> None:
        created = ensure_resources(self._client)
        if created:
            self._notify(f"the store came back without {' and '.join(created)}: created again, empty")
            self._scaling_due = self._scales
        if self._scaling_due:
            names = self._client.profile.names
            ensure_scaling(self._client.aws, names.endpoint_name, VARIANT)
            self._scaling_due = False
