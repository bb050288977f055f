"""A build as files."""
