"""What makes the mesh and its texture: each backend answers to `base.Backend`."""
