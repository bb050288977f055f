"""A function's subscription to a topic: a queue of its own between the two, and a thread that empties it.

SNS would call Lambda; a store on this machine cannot call this host, but any store can fill a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.lambda_.outcome import Call
from meshtwin.emulator.lambda_.sns_event import NotANoticeError, sns_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from meshtwin.emulator.lambda_.events import Events
    from meshtwin.emulator.lambda_.manifest import Function

POLL_SECONDS = 1
"""How long SQS is asked to wait for a message. What it gives to a host that was killed meanwhile is hidden
for a while, so the wait is short."""

_VISIBILITY = 20
_HEARTBEAT = 6.0
_AT_ONCE = 20
_BATCH = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Clients:
    """Whom a subscription asks."""

    sns: SNSClient
    sqs: SQSClient


@dataclass(frozen=True, slots=True)
class Wish:
    """Which notices a function wants, and the subscription's ARN in its events: None, the queue's own."""

    function: Function
    topic: str
    known_as: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def queue_name(self) -> str:
        """Always the same, so that a host finds the queue of the one before."""
        told = f"{self.function.name} {self.topic} {self.known_as is not None}"
        return f"lambda-{self.function.name[:50]}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


class Subscription:
    """Follows a topic from `start` to `stop`. A notice leaves the queue once the function has tried it."""

    def __init__(self, wish: Wish, clients: Clients, events: Events, interval: float) -> None:
        self.wish = wish
        self.attempted = asyncio.Event()
        """Set once it was made, or could not be for the first time."""
        self._clients = clients
        self._events = events
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._places = threading.Semaphore(_AT_ONCE)
        self._seen_to: set[asyncio.Task[None]] = set()
        self._queue_url = ""
        self._arn = ""
        self._thread = threading.Thread(target=self._follow, name=wish.queue_name, daemon=True)

    def start(self) -> None:
        """Begin. The thread is a daemon, as a store that hangs may hold up no end."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more; what was received and not seen to comes again later."""
        self._stopped.set()
        for task in self._seen_to:
            task.cancel()

    def join(self) -> None:
        """Wait for the end of what `stop` has stopped, a little longer than a poll takes. Blocks."""
        self._thread.join(POLL_SECONDS + 1)

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
                    about = {"function": self.wish.function.name, "topic": self.wish.topic}
                    _log.warning("subscription_waiting", **about, reason=failed)
                self._call(self.attempted.set)
                self._stopped.wait(self._interval)
            except Exception:  # noqa: BLE001  # the edge of a thread: the topic is followed all the same
                _log.exception("subscription_failed", function=self.wish.function.name, topic=self.wish.topic)
                self._stopped.wait(self._interval)

    def _subscribe(self) -> None:
        sqs = self._clients.sqs
        url = sqs.create_queue(
            QueueName=self.wish.queue_name, Attributes={"VisibilityTimeout": str(_VISIBILITY)}
        )["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        answer = self._clients.sns.subscribe(
            TopicArn=self.wish.topic,
            Protocol="sqs",
            Endpoint=told["Attributes"]["QueueArn"],
            Attributes=self.wish.attributes,
            ReturnSubscriptionArn=True,
        )
        self._queue_url, self._arn = url, answer["SubscriptionArn"]
        _log.info("subscribed", function=self.wish.function.name, topic=self.wish.topic, arn=self._arn)

    def _receive(self) -> None:
        self._places.acquire()
        messages: list[MessageTypeDef] = []
        try:
            answer = self._clients.sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=POLL_SECONDS
            )
            messages = [] if self._stopped.is_set() else answer.get("Messages", [])
        finally:
            if not messages:
                self._places.release()
        for place, message in enumerate(messages):
            self._call(self._take, message)
            if place:
                self._places.acquire()

    def _take(self, message: MessageTypeDef) -> None:
        task = asyncio.ensure_future(self._see_to(message))
        self._seen_to.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._seen_to.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("message_redelivered", queue=self.wish.queue_name, exc_info=error)

    async def _see_to(self, message: MessageTypeDef) -> None:
        try:
            event = sns_event(message["Body"], self.wish.known_as or self._arn)
        except NotANoticeError as error:
            _log.warning("notice_malformed", queue=self.wish.queue_name, reason=str(error))
        else:
            await self._deliver(event, message)
        await self._ask(self._clients.sqs.delete_message, message)

    async def _deliver(self, event: dict[str, Any], message: MessageTypeDef) -> None:
        call = Call(new_uuid(), json.dumps(event).encode())
        tried = asyncio.ensure_future(self._events.put(self.wish.function, call).wait())
        try:
            while not (await asyncio.wait({tried}, timeout=_HEARTBEAT))[0]:
                await self._ask(
                    self._clients.sqs.change_message_visibility, message, VisibilityTimeout=_VISIBILITY
                )
        finally:
            tried.cancel()

    async def _ask(self, operation: Any, message: MessageTypeDef, **more: int) -> None:  # noqa: ANN401  # boto3's
        """Do something with a message; a failure means that it comes again."""
        ask = partial(operation, QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], **more)
        try:
            await asyncio.to_thread(ask)
        except (BotoCoreError, ClientError) as error:
            _log.warning("message_redelivered", queue=self.wish.queue_name, reason=str(error))

    def _call(self, function: Any, *arguments: object) -> None:  # noqa: ANN401  # a bound method
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(function, *arguments)
