"""Metrics as SageMaker publishes them, the alarms on them, and the clock tick that drives both."""
