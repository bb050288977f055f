"""From a player's words to a prompt for one object that can be made into a model."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 500
"""Characters of a player's prompt that are used; chat allows 256."""

TEMPLATE = (
    "{subject}. A single object on its own, whole and in the middle of the picture, viewed slightly "
    "from above, with clear edges and plain colours, on a plain light background, under soft even light, "
    "without a shadow on the ground and without text."
)

NEGATIVE = (
    "text, letters, watermark, logo, frame, border, several objects, crowd, cropped, cut off, out of frame, "
    "busy background, scenery, landscape, cast shadow, reflection, blurry, depth of field"
)

_SPACE = re.compile(r"\s+")
_LEFT_OUT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode's categories of what is no text: controls, invisible formats, surrogates, unassigned."""


def clean(words: str) -> str:
    """The player's words as one line of visible characters, at most `LONGEST`; empty if none is left."""
    text = unicodedata.normalize("NFKC", words)
    visible = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or unicodedata.category(letter) not in _LEFT_OUT
    )
    return _SPACE.sub(" ", visible).strip()[:LONGEST].strip(" .,;:!")


def for_one_object(words: str) -> str:
    """A prompt for the player's words, cleaned already."""
    return TEMPLATE.replace("{subject}", words)
