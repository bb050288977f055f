"""Backends make the mesh and its texture: each implements `base.Backend`."""
