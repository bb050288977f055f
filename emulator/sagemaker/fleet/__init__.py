"""Instances: how containers are started, watched, shared out and stopped."""
