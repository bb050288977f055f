"""Cells as blocks of a palette."""
