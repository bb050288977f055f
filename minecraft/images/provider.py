"""What asks for a picture, and the four ways that can end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the bytes of a PNG file."""

    png: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The prompt or the picture is not allowed; other words may be. `reason` is for the player."""

    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Not now: the same call may succeed later. `reason` is for the player."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Not ever, until somebody changes something; `reason` says who and what."""

    reason: str


Outcome = Picture | Refused | Busy | Failed


class ImageProvider(Protocol):
    """Whatever makes a picture of words."""

    def make(self, prompt: str, negative_prompt: str, seed: int) -> Outcome:
        """One picture of one object.

        Args:
            prompt: what is to be seen, as the model is to read it.
            negative_prompt: what is not; ignored by models that take none.
            seed: any whole number: it is brought into the model's range.
        """
        ...


class BackgroundRemover(Protocol):
    """Whatever takes the background of a picture away."""

    def remove(self, picture: Picture) -> Outcome:
        """The picture's subject on a transparent ground."""
        ...
