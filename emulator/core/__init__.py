"""What every emulated service stands on: wire protocols, the server, the clock, the store."""
