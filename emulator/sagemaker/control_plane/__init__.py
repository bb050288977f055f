"""The control plane: models, endpoint configurations and endpoints."""
