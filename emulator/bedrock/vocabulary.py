"""The words of prompts that name no thing: `vocabulary.txt`, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def words(kind: str) -> frozenset[str]:
    """All words of a kind: `and`, `cut`, `article`, `container` or `style`.

    Raises:
        ValueError: there is no such kind.
    """
    text = files(__package__).joinpath("vocabulary.txt").read_text(encoding="utf-8")
    found = frozenset(
        word
        for line in text.splitlines()
        for name, colon, listed in [line.partition(":")]
        if colon and name == kind
        for word in listed.split()
    )
    if not found:
        raise ValueError(f"vocabulary {kind!r}: expected and, cut, article, container or style")
    return found
