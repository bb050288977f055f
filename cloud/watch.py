"""What `meshtwin up` minds while it runs: a store that came back empty gets back what the profile needs."""

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


class StoreWatch:
    """Makes again what of the profile's resources has vanished, for the length of a `with` block.

    Alarms vanish with them, and an endpoint at zero could not be woken: where it `scales`, that is made
    again, too. `say` is told, from a thread of this watch's own, and only when something was made: while the
    store is away there is nothing to say that the emulator does not say.
    """

    def __init__(
        self,
        client: Client,
        say: Callable[[str], None],
        *,
        scales: bool,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._client = client
        self._say = say
        self._interval = interval
        self._stop = threading.Event()
        self._scales = scales
        self._scaling_due = False
        self._thread = threading.Thread(target=self._run, name="store watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a call to a store that hangs is not waited for."""
        self._stop.set()
        self._thread.join(1)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._look()
            except (BotoCoreError, ClientError, CloudError):
                continue  # the store is away: the next round finds it, and what it has forgotten

    def _look(self) -> None:
        made = ensure_resources(self._client)
        if made:
            self._say(f"the store came back without {' and '.join(made)}: made again, empty")
            self._scaling_due = self._scales
        if self._scaling_due:
            names = self._client.profile.names
            ensure_scaling(self._client.aws, names.endpoint_name, VARIANT)
            self._scaling_due = False
