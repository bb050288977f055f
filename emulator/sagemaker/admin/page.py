"""/_emulator/ui: the same in a browser, on one page that polls the others every second or two."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


def page_routes() -> list[Route]:
    """GET ui. Nothing is loaded from elsewhere, and no page may frame it."""

    async def page(_: Request) -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'; "
            f"style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return HTMLResponse(_html().replace("NONCE", nonce), headers=headers)

    return [Route("/_emulator/ui", page)]


@cache
def _html() -> str:
    return files(__package__).joinpath("page.html").read_text(encoding="utf-8")
