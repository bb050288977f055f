"""What a profile has for S3, DynamoDB, SNS and CloudWatch: one file for each kind."""
