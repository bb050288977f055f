"""Structured logs: one JSON event a line on standard output, which Lambda sends to CloudWatch Logs."""

from __future__ import annotations

import json
import sys
import time


def log(event: str, **fields: object) -> None:
    """Write one line; fields that are None are left out."""
    line = {"event": event, "at": round(time.time(), 3)}
    known = {name: value for name, value in fields.items() if value is not None}
    sys.stdout.write(json.dumps(line | known, default=str) + "\n")
    sys.stdout.flush()
