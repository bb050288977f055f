"""Where this code is installed."""

from __future__ import annotations

from pathlib import Path

from meshtwin import cloud

SOURCE = Path(cloud.__file__).parents[2]
"""The folder that `meshtwin` is in: the root of a checkout, else a site-packages."""
