"""Images as they come, and the object in them."""
