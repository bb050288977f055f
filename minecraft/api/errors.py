"""What a caller of the API is told when it cannot have what it asks for."""

from __future__ import annotations

from meshtwin.minecraft.voxel.options import shortened

RETRY_AFTER = 60
"""Seconds after which to try again, where nothing better is known."""


class ApiError(Exception):
    """An answer other than 2xx: `message` says to a person what to do, `retry_after` when, in seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def invalid(field: str, value: object, expected: str) -> ApiError:
    """A 400 that names the field, what was given, and what was expected."""
    return ApiError(400, "invalid_request", f"{field} {shortened(value)}: expected {expected}")
