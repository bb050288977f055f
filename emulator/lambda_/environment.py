"""The environment variables that a function's process sees."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshtwin.emulator.lambda_.manifest import Function

_INHERITED = frozenset({
    "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LD_LIBRARY_PATH", "NO_PROXY", "PATH", "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE", "USER",
})  # fmt: skip
"""What a program may need of this machine; more would hide what the manifest lacks."""


def function_environment(
    function: Function, *, region: str, endpoints: Mapping[str, str], stream: str, scratch: str
) -> dict[str, str]:
    """All variables of a function's process.

    A little of the host's own, its AWS settings among it; the function's own; and those that Lambda sets:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

    Args:
        function: whose process it is.
        region: the functions' region.
        endpoints: `AWS_ENDPOINT_URL_<SERVICE>` of the services that are served beside the functions.
        stream: the name of the log stream.
        scratch: a folder of the process's own, in place of /tmp.
    """
    found = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("AWS_")
    }
    found |= endpoints
    # AWS's functions always have credentials, and an SDK without any would search for them.
    found.setdefault("AWS_ACCESS_KEY_ID", "test")
    found.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    found |= {"LANG": "en_US.UTF-8", "PYTHONUTF8": "1"}
    found |= function.environment
    return found | {
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime_name()}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": region,
        "LAMBDA_TASK_ROOT": str(function.code),
        "TMPDIR": scratch,
        "TZ": ":UTC",
        "_HANDLER": function.handler,
    }


def runtime_name() -> str:
    """Lambda's name of the Python that this is, such as `python3.11`."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def own_endpoints(url: str, services: Iterable[str]) -> dict[str, str]:
    """Where SDKs find the services, by botocore's names, that are served at `url`.

    An address that means every address of this machine cannot be called.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port
    called = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host or "")  # noqa: S104  # to be replaced
    reached = f"http://{called}:{port}" if called else url
    return {f"AWS_ENDPOINT_URL_{name.upper().replace('-', '_')}": reached for name in services}
