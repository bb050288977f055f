"""Colour spaces."""
