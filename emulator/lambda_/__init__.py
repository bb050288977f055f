"""Lambda functions, HTTP API routes, topics and schedules that invoke them, on this machine."""
