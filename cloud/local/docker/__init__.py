"""Docker: the engine through its SDK, compose through its command, and leftovers of killed processes."""
