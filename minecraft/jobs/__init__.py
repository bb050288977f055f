"""Jobs: one DynamoDB table with their states, their queue, and the leases that stand for the worker lock."""
