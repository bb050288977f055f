"""One event a line, as JSON, on standard output: what Lambda hands to CloudWatch Logs."""

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
