"""Docker, through its own command line: the engine, compose, and what is left of those that died."""
