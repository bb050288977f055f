"""The interface of image models, and the four outcomes of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PngImage:
    """An image: the bytes of a PNG file."""

    png: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The prompt or the image is not allowed; other words may be. `reason` is for the player."""

    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A temporary failure: the same call may succeed later. `reason` is for the player."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A permanent failure, until somebody changes something; `reason` says who and what."""

    reason: str


Outcome = PngImage | Refused | Busy | Failed


class ImageProvider(Protocol):
    """A text-to-image model."""

    def make(self, prompt: str, negative_prompt: str, seed: int) -> Outcome:
        """One image of one object.

        Args:
            prompt: what the image shows.
            negative_prompt: what it does not show; ignored by models that take none.
            seed: any whole number; it is reduced to the model's range.
        """
        ...
