"""Whether the store has lost everything: asked by whoever is told that something is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Restarts:
    """How often the store was found empty and set up again. May be asked from any thread."""

    def __init__(self) -> None:
        self.count = 0
        self.look: Callable[[], None] = lambda: None
        """Looks at the store, and returns when it is as it was, or set up again; blocks.

        StoreUnavailableError where neither can be had now.
        """

    def since(self, count: int) -> bool:
        """Whether the store has been set up again since `count` was read. Blocks; raises what `look` does.

        A bucket, a topic or an upload that is missing may never have been there: only where the store has
        lost everything it is worth another attempt.
        """
        if self.count == count:
            self.look()
        return self.count != count
