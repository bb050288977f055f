"""The handlers that AWS Lambda calls. What is local about them is in the environment alone."""
