"""Everything about the emulator that can be set, with its default and why.

What AWS does not document is named here rather than decided in passing; `docs/emulator.md` lists it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class OnInstanceLoss(StrEnum):
    """What becomes of a request whose instance is gone before it answered. AWS does not say."""

    REQUEUE = "requeue"
    FAIL = "fail"
    LOSE = "lose"


@dataclass(frozen=True, slots=True)
class Settings:
    """One emulator's settings; all durations are seconds on the emulator's clock."""

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account_id: str = "123456789012"

    table_prefix: str = "meshtwin"
    """The emulator's DynamoDB tables are `<prefix>-requests` and `<prefix>-resources`."""

    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which program stands for an image, as argv; `*` for every other. `$PORT` is replaced in each word."""

    log_dir: Path | None = None
    """Where instances' output is kept; a temporary folder where None."""

    lowercase_arns: bool = True
    """SageMaker's ARNs were seen with the resource's name in lower case."""

    default_output_path: str = ""
    """Where results go of an endpoint without S3OutputPath, which its model allows and AWS does not explain.
    Empty: InvokeEndpointAsync is refused with a ValidationError that says so."""

    default_concurrency: int = 1
    """MaxConcurrentInvocationsPerInstance where the endpoint sets none. AWS "chooses an optimal value"."""

    ping_timeout: float = 2.0
    """https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""

    ping_interval: float = 1.0
    """Between two looks at a healthy instance. Undocumented."""

    ping_failures: int = 3
    """Failed pings in a row after which an instance is replaced. Undocumented."""

    ping_while_busy: bool = False
    """Whether a container that works on a request must answer /ping in time too. SageMaker's ways are
    undocumented. Off, a container with one thread lives: its silence is logged, other failures count."""

    startup_timeout: float = 480.0
    """Window for the first 200 from /ping where the variant sets none: AWS's 8 minutes."""

    startup_attempts: int = 3
    """Times a container may exit before it was ever healthy. AWS goes on for about 24 minutes."""

    stop_grace: float = 30.0
    """Between SIGTERM and SIGKILL, as on SageMaker."""

    on_instance_loss: OnInstanceLoss = OnInstanceLoss.REQUEUE
    max_deliveries: int = 16
    """Times one request may be handed to a container: a poisonous one must end. Undocumented."""

    lease_seconds: float = 30.0
    """How long a claimed request stays its owner's without a heartbeat (sent every third of it)."""

    require_content_length: bool = True
    """SageMaker refuses a chunked answer on asynchronous endpoints only; off, the emulator lets it pass."""

    expired_reason: str = "InternalFailure: invocation expired"
    """failureReason, and failure object, of a request that outlived RequestTTLSeconds. Undocumented."""

    retention_seconds: float = 7 * 24 * 3600.0
    """How long the record of an ended request is kept, through the table's time to live."""
