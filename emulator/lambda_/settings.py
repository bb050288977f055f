"""Everything about the host of functions that can be set, with its default and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.emulator.core.bounds import Count, NotNegative, Positive  # noqa: TC001  # read when they are checked
from meshtwin.emulator.core.settings import ProgramSettings

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostSettings(ProgramSettings):
    """One host's settings. Seconds are real ones where functions run, and the clock's elsewhere.

    Routes of the HTTP API check their own callers, as on AWS, whatever `require_key` is.
    """

    functions: Path | None = None
    """The manifest. None: no functions."""

    log_dir: Path | None = None
    """Where functions' output is kept, under `functions/`; a temporary folder where None."""

    concurrency: Count = 10
    """Invocations that run at once, of all functions together. 1,000 on AWS, of a machine without end."""

    init_timeout: Positive = 10.0
    """Seconds for a process to load its handler, before that counts as a part of the invocation:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

    idle_seconds: Positive = 600.0
    """How long a process without work is kept warm. Undocumented."""

    memory_interval: Positive = 0.05
    """Seconds between two samples of a running function's memory."""

    first_retry: NotNegative = 60.0
    """Between the first try of an asynchronous event and the second:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

    second_retry: NotNegative = 120.0
    """Between the second and the third; same page."""

    integration_timeout: Positive = 30.0
    """Seconds that the HTTP API waits for a function:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

    topic_interval: Positive = 1.0
    """Seconds between two listings of subscriptions, and between retries where SNS or SQS does not answer."""
