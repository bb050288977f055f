"""The step machine: decides what a job needs now, and does it. It never waits."""
