"""A function's subscription to a topic: a queue of its own between the two, and a thread that empties it.

SNS would call Lambda; a store on this machine cannot call this host, but any store can fill a queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised, call_from_thread
from meshtwin.emulator.lambda_.results import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from meshtwin.emulator.lambda_.events import Events
    from meshtwin.emulator.lambda_.manifest import Function

POLL_SECONDS = 1
"""How long a receive call waits for a message. What SQS gives to a host that was killed meanwhile is hidden
for a while, so the wait is short."""

_VISIBILITY = 20
_HEARTBEAT = 6.0
_AT_ONCE = 20
_BATCH = 10

_log = structlog.get_logger(__name__)


class NotANoticeError(ValueError):
    """The queue holds something that SNS has not sent."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What a subscription calls."""

    sns: SNSClient
    sqs: SQSClient


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """Which notices a function wants, and the subscription's ARN in its events: None, the queue's own."""

    function: Function
    topic: str
    known_as: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def queue_name(self) -> str:
        """Always the same, so that a host finds the queue of the one before."""
        identity = f"{self.function.name} {self.topic} {self.known_as is not None}"
        return f"lambda-{self.function.name[:50]}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


class Subscription:
    """Follows a topic from `start` to `stop`. A notice leaves the queue once the function has tried it."""

    def __init__(self, spec: SubscriptionSpec, clients: Clients, events: Events, interval: float) -> None:
        self.spec = spec
        self.attempted = asyncio.Event()
        """Set once it was made, or could not be for the first time."""
        self._clients = clients
        self._events = events
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._slots = threading.Semaphore(_AT_ONCE)
        self._tasks = Supervised()
        self._queue_url = ""
        self._arn = ""
        self._thread = threading.Thread(target=self._follow, name=spec.queue_name, daemon=True)

    def start(self) -> None:
        """Begin. The thread is a daemon, so that a store that hangs does not delay the end."""
        self._thread.start()

    async def close(self) -> None:
        """Receive no more; a message that was received and not handled comes again later.

        The thread is waited for a little longer than a poll takes.
        """
        self._stopped.set()
        await self._tasks.close()
        await asyncio.to_thread(self._thread.join, POLL_SECONDS + 1)

    def remove(self) -> None:
        """Stop, and leave neither subscription nor queue. Blocks.

        Raises:
            BotoCoreError, ClientError: SNS or SQS does not answer, or refuses.
        """
        self._stopped.set()
        if self._arn:
            self._clients.sns.unsubscribe(SubscriptionArn=self._arn)
            self._clients.sqs.delete_queue(QueueUrl=self._queue_url)

    def _follow(self) -> None:
        failed = ""
        while not self._stopped.is_set():
            try:
                if not self._arn:
                    self._subscribe()
                    failed = ""
                    self._call(self.attempted.set)
                self._receive()
            except (BotoCoreError, ClientError) as error:
                # The store may have lost all it knew: then both are made anew.
                self._arn = ""
                if str(error) != failed:
                    failed = str(error)
                    about = {"function": self.spec.function.name, "topic": self.spec.topic}
                    _log.warning("subscription_waiting", **about, reason=failed)
                self._call(self.attempted.set)
                self._stopped.wait(self._interval)
            except Exception:  # noqa: BLE001  # the edge of a thread: the topic is followed all the same
                _log.exception("subscription_failed", function=self.spec.function.name, topic=self.spec.topic)
                self._stopped.wait(self._interval)

    def _subscribe(self) -> None:
        sqs = self._clients.sqs
        url = sqs.create_queue(
            QueueName=self.spec.queue_name, Attributes={"VisibilityTimeout": str(_VISIBILITY)}
        )["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        answer = self._clients.sns.subscribe(
            TopicArn=self.spec.topic,
            Protocol="sqs",
            Endpoint=found["Attributes"]["QueueArn"],
            Attributes=self.spec.attributes,
            ReturnSubscriptionArn=True,
        )
        self._queue_url, self._arn = url, answer["SubscriptionArn"]
        _log.info("subscribed", function=self.spec.function.name, topic=self.spec.topic, arn=self._arn)

    def _receive(self) -> None:
        self._slots.acquire()
        messages: list[MessageTypeDef] = []
        try:
            answer = self._clients.sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=POLL_SECONDS
            )
            messages = [] if self._stopped.is_set() else answer.get("Messages", [])
        finally:
            if not messages:
                self._slots.release()
        for number, message in enumerate(messages):
            self._call(self._take, message)
            if number:
                self._slots.acquire()

    def _take(self, message: MessageTypeDef) -> None:
        task = self._tasks.run_once(f"message of {self.spec.queue_name}", self._handle(message))
        task.add_done_callback(lambda _: self._slots.release())

    async def _handle(self, message: MessageTypeDef) -> None:
        try:
            event = _sns_event(message["Body"], self.spec.known_as or self._arn)
        except NotANoticeError as error:
            _log.warning("notice_malformed", queue=self.spec.queue_name, reason=str(error))
        else:
            await self._deliver(event, message)
        await self._change(self._clients.sqs.delete_message, message)

    async def _deliver(self, event: dict[str, Any], message: MessageTypeDef) -> None:
        call = Call(new_uuid(), json.dumps(event).encode())
        tried = asyncio.ensure_future(self._events.put(self.spec.function, call).wait())
        try:
            while not (await asyncio.wait({tried}, timeout=_HEARTBEAT))[0]:
                await self._change(
                    self._clients.sqs.change_message_visibility, message, VisibilityTimeout=_VISIBILITY
                )
        finally:
            tried.cancel()

    async def _change(self, operation: Any, message: MessageTypeDef, **more: int) -> None:  # noqa: ANN401  # boto3's
        """Do something with a message; a failure means that it comes again."""
        call = partial(operation, QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], **more)
        try:
            await asyncio.to_thread(call)
        except (BotoCoreError, ClientError) as error:
            _log.warning("message_redelivered", queue=self.spec.queue_name, reason=str(error))

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        call_from_thread(self._loop, function, *arguments)


def _sns_event(body: str, subscription_arn: str) -> dict[str, Any]:
    """The event for a notice of SNS, as it arrives in a queue that gets no raw messages.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

    Raises:
        NotANoticeError: the body is not a notice.
    """
    try:
        notice = json.loads(body)
        sns = {
            "SignatureVersion": notice.get("SignatureVersion", "1"),
            "Timestamp": notice["Timestamp"],
            "Signature": notice.get("Signature", ""),
            "SigningCertUrl": notice.get("SigningCertURL", ""),
            "MessageId": notice["MessageId"],
            "Message": notice["Message"],
            "MessageAttributes": notice.get("MessageAttributes", {}),
            "Type": "Notification",
            "UnsubscribeUrl": notice.get("UnsubscribeURL", ""),
            "TopicArn": notice["TopicArn"],
            "Subject": notice.get("Subject"),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANoticeError(f"{body[:200]!r}: {error!r}") from None
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": sns,
    }
    return {"Records": [record]}
