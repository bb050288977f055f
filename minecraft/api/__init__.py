"""What the HTTP API understands and answers."""
