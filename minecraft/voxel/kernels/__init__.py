"""Loops over triangles and cells, compiled."""
