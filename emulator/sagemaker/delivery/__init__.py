"""From the queue to the container, and from its answer to S3 and SNS."""
