"""Turns a player's prompt into an image model's prompt for one object that can be modelled in 3D."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 500
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
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories that are not text: controls, invisible formats, surrogates, unassigned."""


def clean(prompt: str) -> str:
    """The prompt as one line of visible characters, at most `MAX_LENGTH`; empty if none is left."""
    text = unicodedata.normalize("NFKC", prompt)
    visible = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or unicodedata.category(letter) not in _DROPPED
    )
    return _SPACE.sub(" ", visible).strip()[:MAX_LENGTH].strip(" .,;:!")


def for_one_object(subject: str) -> str:
    """The model's prompt for a player's cleaned prompt."""
    return TEMPLATE.replace("{subject}", subject)
