"""What AWS does not have, under /_emulator."""
