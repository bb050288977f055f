"""What only a profile on AWS needs."""
