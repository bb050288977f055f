"""What a profile needs of the machine and the account: whether it is there, and else the fix."""
