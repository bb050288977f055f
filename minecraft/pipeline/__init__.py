"""The step machine: what is to be done for a job now, and doing it. It waits for nothing."""
