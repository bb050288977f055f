"""The stores, S3, DynamoDB, SNS and CloudWatch of a profile: one file for each kind."""
