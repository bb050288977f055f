"""What is created in a profile, as data."""
