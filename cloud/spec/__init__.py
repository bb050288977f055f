"""The resources of a profile, as data."""
