"""What a profile on this machine consists of."""
