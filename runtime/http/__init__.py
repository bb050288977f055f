"""The container's HTTP server: its two endpoints, limits, and the guard in front of them."""
