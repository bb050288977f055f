"""What a person writes on the command line about a build, as the engine and the API take it."""

from __future__ import annotations

from meshtwin.cloud.errors import UsageError


def palette_of(text: str) -> str | tuple[str, ...]:
    """A palette's name, or the block ids of a list with commas between; one id alone has its `minecraft:`."""
    if "," in text or ":" in text:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def anchor_of(text: str | None) -> tuple[int, int, int] | None:
    """The block at `x,y,z`.

    Raises:
        UsageError: it is not three whole numbers.
    """
    if text is None:
        return None
    try:
        x, y, z = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--anchor {text!r}: expected three whole numbers, x,y,z") from error
    return (x, y, z)
