"""Requests that were accepted and have not ended, kept in DynamoDB."""
