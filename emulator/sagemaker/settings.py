"""Everything about the emulator that can be set, with its default and why.

What AWS does not document is named here rather than decided in passing; `docs/emulator.md` lists it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from meshtwin.emulator.core.bounds import Between, Count, Matching, NotNegative, Positive, RegularExpression
from meshtwin.emulator.core.settings import ProgramSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class OnInstanceLoss(StrEnum):
    """What becomes of a request whose instance is gone before it answered. Undocumented."""

    REQUEUE = "requeue"
    FAIL = "fail"
    LOSE = "lose"


class QueueOrder(StrEnum):
    """In which order requests are delivered. AWS promises none."""

    FIFO = "fifo"
    SHUFFLED = "shuffled"


class LauncherKind(StrEnum):
    """How an image is started that has no command."""

    PROCESS = "process"
    DOCKER = "docker"


class GpuUse(StrEnum):
    """Whether a container gets the GPUs of its instance type."""

    AUTO = "auto"
    REQUIRE = "require"
    NONE = "none"


class AlarmEvaluation(StrEnum):
    """Where CloudWatch's alarms are evaluated."""

    OWN = "own"
    STORE = "store"


_TablePrefix = Annotated[str, Matching(r"[A-Za-z0-9_.-]{1,200}", "letters, digits, '_', '.' and '-'")]


@dataclass(frozen=True, slots=True)
class Settings(ProgramSettings):
    """One emulator's settings; all durations are seconds on the emulator's clock, unless marked as real.

    ValueError where one is out of its bounds.
    """

    table_prefix: _TablePrefix = "meshtwin"
    """The emulator's DynamoDB tables are `<prefix>-requests` and `<prefix>-resources`."""

    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The program to run in place of an image, as argv; `*` for every other. `$PORT` is replaced."""

    launcher: LauncherKind = LauncherKind.PROCESS
    """`docker`: an image without a command is run as a container; `process`: it is refused."""

    docker_network: str = ""
    """The network that containers join. Empty: the one of the store's container, else Docker's default."""

    gpu: GpuUse = GpuUse.AUTO
    """Whether containers get their instance type's GPUs: `auto`, where the engine has NVIDIA's runtime."""

    memory_limit_mib: Annotated[int, Between(0)] = 0
    """Memory of a container, in MiB; 0: that of its instance type."""

    model_download_timeout: Positive = 3600.0
    """Real seconds for a model's files where the variant sets no ModelDataDownloadTimeoutInSeconds."""

    log_dir: Path | None = None
    """Where instances' output is kept; a temporary folder where None."""

    lowercase_arns: bool = True
    """SageMaker's ARNs were seen with the resource's name in lower case."""

    default_output_path: Annotated[str, Matching(r"((s3|https?)://.+)?", "an s3:// URI, or none")] = ""
    """Where results go of an endpoint without S3OutputPath, which its model allows and AWS does not explain.
    Empty: InvokeEndpointAsync is refused with a ValidationError."""

    default_concurrency: Annotated[int, Between(1, 1000)] = 1
    """MaxConcurrentInvocationsPerInstance where the endpoint sets none. AWS "chooses an optimal value"."""

    creating_seconds: NotNegative = 0.0
    """How long an endpoint stays Creating before its instances are started: minutes, on AWS."""

    updating_seconds: NotNegative = 0.0
    """The same for Updating."""

    deleting_seconds: NotNegative = 0.0
    """The same for Deleting, before its instances are stopped."""

    drain_seconds: NotNegative = 3600.0
    """How long the old instances of an updated endpoint may go on with what they have. Undocumented: the
    longest that an invocation may take."""

    announce_capacity_changes: bool = True
    """Whether a change of capacity publishes a TestNotification, as on AWS."""

    allowed_regions: str = ""
    """Regions with asynchronous inference, space-separated; CreateEndpoint fails in others. Empty: all."""

    refused_images: Annotated[str, RegularExpression()] = ""
    """A regular expression of images that asynchronous endpoints refuse, as AWS does Marketplace's."""

    inline_body: bool = True
    """Off, InvokeEndpointAsync refuses a Body, as the service did before June 2026."""

    ping_timeout: Positive = 2.0
    """https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""

    ping_interval: Positive = 1.0
    """Between two pings of a healthy instance. Undocumented."""

    ping_failures: Count = 3
    """Failed pings in a row after which an instance is replaced. Undocumented."""

    ping_while_busy: bool = False
    """Whether a container that works on a request must answer /ping in time too. SageMaker's ways are
    undocumented. Off, a container with one thread lives: its silence is logged, other failures count."""

    startup_timeout: Positive = 480.0
    """Window for the first 200 from /ping where the variant sets none: AWS's 8 minutes. Real seconds, as is
    the variant's: a container follows no clock of ours."""

    startup_attempts: Count = 3
    """Times a container may exit before it was ever healthy. AWS goes on for about 24 minutes."""

    stop_grace: NotNegative = 30.0
    """Between SIGTERM and SIGKILL, as on SageMaker."""

    on_instance_loss: OnInstanceLoss = OnInstanceLoss.REQUEUE

    loss_seconds: NotNegative = 1.0
    """How long after a connection has ended its instance may still turn out to be gone, in real seconds: the
    end of a process is known a moment later. Undocumented."""

    max_deliveries: Count = 16
    """Times one request may be handed to a container: none is redelivered for ever. Undocumented."""

    container_retries: Annotated[int, Between(0)] = 0
    """Times a request is sent again after a 5xx, a timeout or a closed connection. Undocumented."""

    queue_order: QueueOrder = QueueOrder.FIFO
    """AWS promises no order: `shuffled` shows which clients rely on one."""

    timeout_warning: Annotated[float, Between(0, 1)] = 0.8
    """A log line is written when an invocation has used up this part of its timeout."""

    exchanges_kept: Annotated[int, Between(0)] = 1000
    """Requests whose exchanges with containers are kept in memory, to be inspected under /_emulator."""

    exchange_body_bytes: Annotated[int, Between(0)] = 4096
    """How much of a body is kept with that."""

    lease_seconds: Annotated[float, Between(1)] = 10.0
    """How long the tables stay an emulator's without a heartbeat (five come in that time), in real seconds.
    A second emulator on the same tables refuses to start; it takes over those of one that has ended."""

    patrol_seconds: Annotated[float, Between(0.1)] = 10.0
    """Real seconds between two searches of the table for requests that nobody works on."""

    backlog_per_instance_at_zero: bool = True
    """Whether ApproximateBacklogSizePerInstance has data while there is no instance (then it is the whole
    backlog). AWS's guide implies so, notes from the field deny it."""

    processed_metric_name: Annotated[str, Matching(r"\S{1,255}", "a metric's name")] = "InvocationsProcessed"
    """AWS's page spells it InvocationsProcesssed, dashboards that work do not."""

    alarm_evaluation: AlarmEvaluation = AlarmEvaluation.OWN
    """`own`: alarms on SageMaker's metrics, and those that name a scaling policy, are evaluated here and
    their states written to CloudWatch. `store`: CloudWatch's states are taken as they are."""

    tracking_high_periods: Count = 3
    """Minutes above the target after which target tracking scales out. Undocumented for SageMaker."""

    tracking_low_periods: Count = 15
    """Minutes well below the target after which it scales in. Undocumented for SageMaker."""

    tracking_low_factor: Annotated[float, Between(0, 1)] = 0.9
    """Well below, as a part of the target: "usually more than 10 %" in the guide."""

    require_content_length: bool = True
    """SageMaker refuses a chunked answer on asynchronous endpoints only; off, the emulator lets it pass."""

    response_header_bytes: Annotated[int, Between(0)] = 4096
    """Bytes of names and values of an answer's headers beyond which a request fails; 0: no limit.
    https://github.com/aws/deep-learning-containers/issues/4668"""

    expired_reason: str = "InternalFailure: invocation expired"
    """failureReason, and failure object, of a request that outlived RequestTTLSeconds. Undocumented."""

    notice_patience: NotNegative = 120.0
    """How long a notice is tried again while SNS is away, in real seconds. Undocumented."""

    object_patience: NotNegative = 300.0
    """How long one object that S3 answers with errors of its own, as it does not others, is tried again, in
    real seconds; the request fails then. Undocumented."""

    item_patience: NotNegative = 300.0
    """How long one request's item that DynamoDB answers with errors, as it does not others, is tried again,
    in real seconds; the request is set aside then, and tried again on the patrol's next round."""

    retention_seconds: NotNegative = 7 * 24 * 3600.0
    """How long the record of an ended request is kept, through the table's time to live."""
