"""What is inside of a build: all, or nothing behind a shell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fill:
    """`thickness` is that of the shell, in steps from cell to cell through faces; None fills the inside.

    Raises:
        ValueError: a thickness below 1.
    """

    thickness: int | None = None

    def __post_init__(self) -> None:
        if self.thickness is not None and self.thickness < 1:
            raise ValueError(f"thickness {self.thickness}: expected 1 or more, or None for solid")


SOLID = Fill()
