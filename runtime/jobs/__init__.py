"""Jobs: admitted, queued, run in a process of their own."""
