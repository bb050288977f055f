"""A model as cells."""
