"""Errors of the API."""

from __future__ import annotations

from meshtwin.minecraft.voxel.options import shortened

RETRY_AFTER = 60
"""Seconds after which to retry, by default."""


class ApiError(Exception):
    """A response other than 2xx: `message` tells a person what to do, `retry_after` when, in seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def invalid(field: str, value: object, expected: str) -> ApiError:
    """A 400 that names the field, what was given, and what was expected."""
    return ApiError(400, "invalid_request", f"{field} {shortened(value)}: expected {expected}")
