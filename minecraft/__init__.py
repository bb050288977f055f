"""The createbuild flow: from a player's prompt to blocks."""
