"""The four outcomes of a call of an image model."""

from __future__ import annotations

from dataclasses import dataclass


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
