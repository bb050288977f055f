"""moto's application, with bodies of S3 left as they are, and Lambda subscriptions of SNS left alone.

moto parses every body that is declared as a form, as AWS's query protocols need it. S3 stores what it is
sent, whatever its Content-Type: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. Its one
form is that of POST Object: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html.
"""

from __future__ import annotations

import io
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from moto.sns.models import Subscription

from meshtwin.cloud.local.moto.atomic import make_items_atomic
from meshtwin.cloud.local.moto.speedups import speed_up_moto

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_HOSTS = 256
"""Size of the cache: a host name has the service and region that a caller chooses."""

_FORM = "application/x-www-form-urlencoded"


def moto_app() -> DomainDispatcherApplication:
    """The application; it patches moto in this process.

    It has no CORS headers, which would let pages of other origins read its responses.
    """
    vars(werkzeug_app)["DISABLE_GLOBAL_CORS"] = True  # read when an application is created
    make_items_atomic()
    _skip_lambda_subscriptions()
    speed_up_moto()
    return _Dispatcher(_create)


@cache
def _skip_lambda_subscriptions() -> None:
    """Have SNS ignore subscriptions of functions: `python -m meshtwin.emulator.serverless` serves these.

    moto 5 runs functions itself, in Docker, and a Publish fails where it does not know a subscribed one.
    """
    publish = Subscription.publish

    def publish_to_others(self: Subscription, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # moto's own
        if self.protocol != "lambda":
            publish(self, *args, **kwargs)

    setattr(Subscription, "publish", publish_to_others)  # noqa: B010  # a method may not be assigned to


def _create(service: str) -> Flask:
    app = create_backend_app(service)  # type: ignore[arg-type]  # moto's own names
    if service == "s3":
        app.request_class = _S3Request
    return app


class _S3Request(BackendRequest):
    """A request whose body is parsed as a form for POST Object alone."""

    @property
    def want_form_data_parsed(self) -> bool:
        return self.method == "POST" and self.mimetype == "multipart/form-data"


class _Dispatcher(DomainDispatcherApplication):
    """moto's dispatcher, without two of its faults.

    It parses an unsigned request's form to find its service, and loses what is not UTF-8; and it lists its
    own folder for each request, to know the names of its services.
    """

    def __init__(self, create: Callable[[str], Flask]) -> None:
        super().__init__(create)
        self._services = lru_cache(_HOSTS)(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> str | None:
        """The name of the service at `host`."""
        found: str | None = self._services(host)
        return found

    def _get_body(self, environ: dict[str, Any]) -> str | None:
        if environ["REQUEST_METHOD"] != "POST" or not environ.get("CONTENT_TYPE", "").startswith(_FORM):
            return None
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return body.decode("utf-8", "replace")
