"""`python -m meshtwin.runtime.http.health`: exit status 0 if the server here answers /ping with 200."""

from __future__ import annotations

import http.client
import os
import sys

from meshtwin.runtime.settings import Settings

TIMEOUT_SECONDS = 2.0
"""SageMaker's: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # the address to use where the server listens on all


def main() -> int:
    """Send one GET /ping."""
    settings = Settings.from_environment(os.environ)
    host = _ANYWHERE.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ping")
        response = connection.getresponse()
        sys.stdout.write(response.read().decode())
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"http://{host}:{settings.port}/ping: {error}")
        return 1
    finally:
        connection.close()
    return 0 if response.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
