"""What a killed `meshtwin up` left behind is taken away by the next."""

from __future__ import annotations

from meshtwin.cloud.local.docker.compose import take_away
from meshtwin.cloud.local.docker.engine import remove
from meshtwin.cloud.local.docker.labels import leftovers


def remove_leftovers() -> list[str]:
    """Remove what belongs to processes that are gone; the names of what it was."""
    found = leftovers()
    remove(found.instances)
    for project, owner in found.projects:
        take_away(project, owner)
    return [*dict(found.projects), *found.instances]
