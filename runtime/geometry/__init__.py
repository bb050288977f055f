"""Meshes, and how they are read, written, checked and seen."""
