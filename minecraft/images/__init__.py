"""Where a build's picture comes from: a model that draws, or the player."""
