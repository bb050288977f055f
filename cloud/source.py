"""Where this code lies, whatever room asks."""

from __future__ import annotations

from pathlib import Path

from meshtwin import cloud

SOURCE = Path(cloud.__file__).parents[2]
"""The folder that `meshtwin` lies in: the root of a checkout, else somebody's site-packages."""
