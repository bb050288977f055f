"""Jobs: admitted, queued, and run by a worker process."""
