"""Blocks as few boxes."""
