"""Atomic reads and writes of items in moto, as DynamoDB guarantees them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation.
moto 5 checks a condition and writes in two steps: under its threaded server, two callers can both succeed.
And it updates an item in place, one attribute after the other: a concurrent read returns a mix of old and
new.

Before each transaction it copies every table that is written, item by item, to undo one that fails: with a
thousand jobs in a table each step of each job takes a second. As items are only ever replaced here, a
shallow copy of the table is enough.
"""

from __future__ import annotations

import copy
import functools
import threading
from typing import TYPE_CHECKING, Any

import moto.dynamodb.models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CALLS = ("put_item", "delete_item", "transact_write_items", "get_item", "query", "scan")


@functools.cache
def make_items_atomic() -> None:
    """Serialize the calls in this process, from now on."""
    for name in _CALLS:
        setattr(DynamoDBBackend, name, _alone(getattr(DynamoDBBackend, name)))
    setattr(DynamoDBBackend, "update_item", _on_a_copy(DynamoDBBackend.update_item))  # noqa: B010  # a method
    setattr(moto.dynamodb.models, "copy", _Copies)  # noqa: B010  # what its module calls `copy`


_LOCK = threading.RLock()


def _alone(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def alone(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever moto's method takes and gives
        with _LOCK:
            return call(*args, **kwargs)

    return alone


class _Copies:
    """Python's `copy`, but with a shallow copy of a table's items."""

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:  # noqa: ANN401  # whatever moto copies
        if not isinstance(value, Table) or value.stream_shard is not None:
            return copy.deepcopy(value)
        kept = copy.copy(value)
        kept.items = copy.copy(value.items)
        if value.range_key_attr is not None:
            for key, items in value.items.items():
                kept.items[key] = dict(items)
        return kept


def _on_a_copy(update: Callable[..., Any]) -> Callable[..., Any]:
    """Update a copy, as other threads may still be serializing the item."""

    @functools.wraps(update)
    def on_a_copy(
        backend: DynamoDBBackend,
        table_name: str,
        key: Mapping[str, Any],
        *args: Any,  # noqa: ANN401  # as above
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        with _LOCK:
            table = backend.get_table(table_name)
            found = backend.get_item(table_name, dict(key)) if set(key) == _key_of(table) else None
            if found is not None:
                items: Any = table.items[found.hash_key] if found.range_key else table.items
                items[found.range_key or found.hash_key] = copy.deepcopy(found)
            return update(backend, table_name, key, *args, **kwargs)

    return on_a_copy


def _key_of(table: Any) -> set[str]:  # noqa: ANN401  # moto's Table
    return {name for name in (table.hash_key_attr, table.range_key_attr) if name}
