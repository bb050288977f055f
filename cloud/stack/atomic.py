"""Conditional writes that are atomic in moto too, as DynamoDB promises.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html. moto 5 looks at the
condition, and writes, in two steps: under its threaded server, two callers can both be told to be first.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import DynamoDBBackend

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


def make_writes_atomic() -> None:
    """One write at a time, in this process, from now on; again it changes nothing."""
    for name in _WRITES:
        write = getattr(DynamoDBBackend, name)
        if not hasattr(write, "__wrapped__"):
            setattr(DynamoDBBackend, name, _alone(write))


_LOCK = threading.RLock()


def _alone(write: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(write)
    def alone(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever moto's method takes and gives
        with _LOCK:
            return write(*args, **kwargs)

    return alone
