"""A store that has lost everything under a running emulator: noticed, set up again, and said."""
