"""Checks of what a profile needs on the machine and in the account."""
