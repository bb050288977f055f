"""The labels that name the owner of an instance's container. Imports nothing: others search for them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec

EMULATOR_LABEL = "meshtwin.emulator"
"""The table prefix of the emulator that a container belongs to."""

OWNER_LABEL = "meshtwin.owner"
"""The process of it that started the container."""


def labels_of(spec: FleetSpec, instance_id: str, prefix: str, owner: str) -> dict[str, str]:
    """The labels of an instance's container."""
    return {
        EMULATOR_LABEL: prefix,
        OWNER_LABEL: owner,
        "meshtwin.endpoint": spec.endpoint_name,
        "meshtwin.variant": spec.variant_name,
        "meshtwin.instance": instance_id,
    }
