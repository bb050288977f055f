"""The way from a prompt to blocks, as the command line goes it: functions, their API, what comes back."""
