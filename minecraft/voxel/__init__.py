"""From a textured mesh to blocks: pure functions on numpy arrays."""
