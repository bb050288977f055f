"""Everything about the host of functions that can be set, with its default and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One host's settings. Seconds are real ones where functions run, and the clock's elsewhere."""

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account_id: str = "123456789012"

    functions: Path | None = None
    """The manifest. None: no functions."""

    log_dir: Path | None = None
    """Where functions' output is kept, under `functions/`; a temporary folder where None."""

    allowed_hosts: str = ""
    """Names by which the host may be called, parted by blanks, beside addresses and localhost."""

    concurrency: int = 10
    """Invocations that run at once, of all functions together. 1,000 on AWS, of a machine without end."""

    init_timeout: float = 10.0
    """Seconds for a process to load its handler, before that counts as a part of the invocation:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

    idle_seconds: float = 600.0
    """How long a process without work is kept warm. Undocumented."""

    memory_interval: float = 0.05
    """Seconds between two looks at how much memory a running function has."""

    first_retry: float = 60.0
    """Between the first try of an asynchronous event and the second:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

    second_retry: float = 120.0
    """Between the second and the third; same page."""

    integration_timeout: float = 30.0
    """Seconds that the HTTP API waits for a function:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

    topic_interval: float = 1.0
    """Seconds between two looks for subscriptions that name a function, and between tries where SNS or SQS
    does not answer."""
