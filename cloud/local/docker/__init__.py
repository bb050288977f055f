"""Docker: the engine through its SDK, compose through its command, and what is left of those that died."""
