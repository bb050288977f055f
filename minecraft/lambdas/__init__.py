"""The functions, as Lambda calls them: `handler(event, context)` in a module each."""

from __future__ import annotations

ROUTES = {
    "POST /build": "submit",
    "POST /build/upload": "submit",
    "POST /build/{jobId}/cancel": "submit",
    "DELETE /build/{jobId}": "submit",
    "GET /build/status/{jobId}": "status",
}
"""The HTTP API's routes: the module here that answers each."""
