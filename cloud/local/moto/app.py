"""moto's application, with bodies of S3 left as they are.

moto parses every body that is declared as a form, as AWS's query protocols need it. S3 stores what it is
sent, whatever its Content-Type: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. Its one
form is that of POST Object: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app

from meshtwin.cloud.local.moto.quick import make_moto_quick

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_HOSTS = 256
"""So many are remembered: a host is made of what a caller calls its service and region."""

_FORM = "application/x-www-form-urlencoded"


def moto_app() -> DomainDispatcherApplication:
    """The application, which tells no page of another origin that it may read what it is answered."""
    vars(werkzeug_app)["DISABLE_GLOBAL_CORS"] = True  # read when an application is made
    make_moto_quick()
    return _Dispatcher(_create)


def _create(service: str) -> Flask:
    app = create_backend_app(service)  # type: ignore[arg-type]  # moto's own names
    if service == "s3":
        app.request_class = _S3Request
    return app


class _S3Request(BackendRequest):
    """One whose body is read as a form by POST Object alone."""

    @property
    def want_form_data_parsed(self) -> bool:
        return self.method == "POST" and self.mimetype == "multipart/form-data"


class _Dispatcher(DomainDispatcherApplication):
    """moto's, which reads an unsigned request's form to find its service, and loses what is not UTF-8.

    It also reads its own folder for each request, to know the names of its services.
    """

    def __init__(self, create: Callable[[str], Flask]) -> None:
        super().__init__(create)
        self._services = lru_cache(_HOSTS)(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> str | None:
        """The name of the service that answers there."""
        found: str | None = self._services(host)
        return found

    def _get_body(self, environ: dict[str, Any]) -> str | None:
        if environ["REQUEST_METHOD"] != "POST" or not environ.get("CONTENT_TYPE", "").startswith(_FORM):
            return None
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return body.decode("utf-8", "replace")
