"""Jobs: one DynamoDB table with their states, their queue, and the slots and leases of the workers."""
