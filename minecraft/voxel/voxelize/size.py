"""How many cells the longest axis has."""

from __future__ import annotations

SIZES = {"small": 32, "medium": 64, "large": 128}
SMALLEST, LARGEST = 8, 256


def parse_size(text: str | int) -> int:
    """Cells of `small`, `medium`, `large`, or of a whole number.

    Raises:
        ValueError: it is neither a known word nor a whole number from 8 to 256.
    """
    word = str(text).strip().lower()
    if word in SIZES:
        return SIZES[word]
    cells = int(word) if word.isascii() and word.isdecimal() and len(word) <= len(str(LARGEST)) else 0
    if isinstance(text, bool) or not SMALLEST <= cells <= LARGEST:
        raise ValueError(f"size {text!r}: expected {', '.join(SIZES)} or {SMALLEST}..{LARGEST}")
    return cells
