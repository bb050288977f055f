"""The pages under /_emulator, as one Starlette application."""
