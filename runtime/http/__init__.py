"""The container over HTTP: its two endpoints, and who may call them."""
