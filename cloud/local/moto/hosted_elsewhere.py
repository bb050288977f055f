"""Functions that moto's SNS leaves alone, because somebody else hosts them.

moto 5 runs functions itself, in Docker, and a Publish to a subscription whose function it does not know fails
for everybody. The host of functions, `python -m meshtwin.emulator.serverless`, follows them itself.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.sns.models import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable


def leave_functions_alone() -> None:
    """In this process, from now on, SNS does not call functions; again it changes nothing."""
    publish = Subscription.publish
    if not hasattr(publish, "__wrapped__"):
        setattr(Subscription, "publish", _to_others(publish))  # noqa: B010  # a method may not be assigned to


def _to_others(publish: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(publish)
    def to_others(self: Subscription, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # moto's own
        if self.protocol != "lambda":
            publish(self, *args, **kwargs)

    return to_others
