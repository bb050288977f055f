"""A variant's instance count, as Application Auto Scaling reads and changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.hosting.resources import Status


@dataclass(frozen=True, slots=True)
class VariantCapacity:
    """How many instances a variant has and is to have."""

    endpoint_name: str
    variant_name: str
    status: Status
    instance_type: str
    desired: int
    current: int
