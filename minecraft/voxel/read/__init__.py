"""A GLB as a model."""
