"""The end of a request: its one object in S3, its notice, its record."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import ClientError

from meshtwin.emulator.core.faults.rules import FaultPoint, Stage
from meshtwin.emulator.sagemaker.delivery.notices import MAX_BODY_BYTES, End, build_notice, topic_for
from meshtwin.emulator.sagemaker.delivery.objects import REASON_TAG, REQUEST_ID_TAG, OutputError
from meshtwin.emulator.sagemaker.delivery.outcome import (
    CANCELLED_REASON,
    CLIENT_ERRORS,
    Cause,
    Outcome,
    platform_failure,
)
from meshtwin.emulator.sagemaker.delivery.retry import (
    ShuttingDownError,
    is_lost,
    retry_for,
    retry_while_unavailable,
)
from meshtwin.emulator.sagemaker.fleet.spec import Notifications
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State
from meshtwin.emulator.sagemaker.settings import OnInstanceLoss

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.delivery.delivery import Delivery
    from meshtwin.emulator.sagemaker.delivery.items import Items
    from meshtwin.emulator.sagemaker.delivery.objects import Objects
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.meter import Meter
    from meshtwin.emulator.sagemaker.queue.table import RequestTable
    from meshtwin.emulator.sagemaker.settings import Settings

_REASON_LENGTH = 1000
"""S3 takes 2 KB of metadata: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

_log = structlog.get_logger()


class Completion:
    """Completes requests, well or not: object, then notice, then record.

    In that order, so that a crash in between repeats a notice rather than losing one, as SNS may itself; the
    object is recognised by its tag and never written a second time.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what every end of a request needs
        self,
        table: RequestTable,
        items: Items,
        objects: Objects,
        aws: Aws,
        specs: Callable[[str], FleetSpec | None],
        clock: Clock,
        settings: Settings,
        meter: Meter,
    ) -> None:
        self._table = table
        self._items = items
        self._objects = objects
        self._aws = aws
        self._specs = specs
        self._clock = clock
        self._settings = settings
        self._meter = meter

    def is_for_an_earlier_endpoint(self, request: AsyncRequest) -> bool:
        """Whether the endpoint that the request was meant for is gone, and another one has its name."""
        spec = self._specs(request.endpoint_name)
        return spec is not None and spec.generation != request.generation

    def _spec(self, request: AsyncRequest) -> FleetSpec | None:
        spec = self._specs(request.endpoint_name)
        return spec if spec is not None and spec.generation == request.generation else None

    def complete(self, delivery: Delivery, outcome: Outcome) -> None:
        """End the request as `outcome` says, or as failed where its output cannot be stored."""
        request = delivery.request
        if outcome.cause is Cause.INSTANCE_LOST and self._settings.on_instance_loss is OnInstanceLoss.LOSE:
            self._record(delivery, State.FAILED, outcome.reason)
            return
        if delivery.fault(FaultPoint.END) is not None:
            outcome.payload.close()
            self._record(delivery, State.FAILED, "injected fault: neither object is written")
            return
        try:
            if outcome.log_line is not None:
                _log.warning(
                    "invocation_failed",
                    inference_id=request.inference_id,
                    endpoint=request.endpoint_name,
                    reason=outcome.log_line,
                )
            delivery.at(Stage.WRITING)
            try:
                self._fail_output(delivery)
                self._write(delivery, outcome)
            except OutputError as error:
                outcome = self._not_stored(delivery, str(error))
            delivery.at(Stage.WRITTEN)
            self._count(request, outcome)
            self._notify(delivery, _end(outcome, self._clock.now()))
            delivery.at(Stage.NOTIFIED)
            self._record(delivery, outcome.state, outcome.reason)
            delivery.at(Stage.RECORDED)
        finally:
            outcome.payload.close()

    def _fail_output(self, delivery: Delivery) -> None:
        rule = delivery.fault(FaultPoint.OUTPUT)
        if rule is not None and rule.effect == "fail":
            location = delivery.request.output_location
            raise OutputError(f"ClientError: Unable to upload to {location}: {rule.message}")
        if rule is not None:
            delivery.cancellation.shutdown.wait(rule.seconds)

    def complete_from_object(self, delivery: Delivery) -> bool:
        """End a request whose object an earlier delivery has written; False where there is none.

        Only a request that was claimed before can have one, so that no other pays for the read.
        """
        request = delivery.request
        for location, state in (
            (request.output_location, State.COMPLETED),
            (request.failure_location, State.FAILED),
        ):
            if location is None:
                continue
            find = partial(
                self._objects.find,
                location,
                request.request_id,
                body_up_to=MAX_BODY_BYTES,
                patience=self._objects.patience(),
            )
            found = retry_while_unavailable(delivery.cancellation.shutdown, find)
            if found is None:
                continue
            expired = as_metadata(self._settings.expired_reason)
            ends = {expired: State.EXPIRED, CANCELLED_REASON: State.CANCELLED}
            ended = ends.get(found.reason or "", state)
            metrics = {State.COMPLETED: Metric.PROCESSED, State.EXPIRED: Metric.EXPIRED}
            self._meter.add(request.endpoint_name, metrics.get(ended, Metric.FAILURES))
            self._notify(
                delivery, End(state, self._clock.now(), found.content_type, found.reason, found.body)
            )
            self._record(delivery, ended, found.reason)
            return True
        return False

    def _write(self, delivery: Delivery, outcome: Outcome) -> None:
        request = delivery.request
        completed = outcome.state is State.COMPLETED
        location = request.output_location if completed else request.failure_location
        if location is None:
            return
        metadata = {REQUEST_ID_TAG: request.request_id}
        if outcome.reason is not None:
            metadata[REASON_TAG] = as_metadata(outcome.reason)
        spec = self._spec(request)
        began = time.perf_counter()
        self._objects.write(
            location,
            outcome.payload,
            metadata=metadata,
            kms_key_id=spec.kms_key_id if spec is not None else None,
            stop=delivery.cancellation.shutdown,
        )
        micros = (time.perf_counter() - began) * 1e6
        self._meter.add(request.endpoint_name, Metric.UPLOAD_LATENCY, micros)

    def _not_stored(self, delivery: Delivery, reason: str) -> Outcome:
        """The failure that a refused output makes, written where it can be."""
        request = delivery.request
        self._meter.add(request.endpoint_name, Metric.UPLOAD_FAILURES)
        failure = platform_failure(Cause.OUTPUT, reason)
        names = {"inference_id": request.inference_id, "endpoint": request.endpoint_name}
        _log.error("output_not_stored", **names, reason=reason)
        try:
            self._write(delivery, failure)
        except OutputError as error:
            _log.error("failure_not_stored", **names, reason=str(error))
        return failure

    def _notify(self, delivery: Delivery, end: End) -> None:
        """Publish the notice. A publish that is refused is logged and counted, and fails nothing else."""
        request = delivery.request
        spec = self._spec(request)
        notifications = spec.notifications if spec is not None else Notifications()
        topic, with_body = topic_for(notifications, end.state)
        if topic is None:
            return
        if delivery.fault(FaultPoint.NOTICE) is not None:
            return
        if not with_body:
            end = End(end.state, end.at, end.content_type, end.reason)
        try:
            notice = build_notice(request, end, self._settings.region)
            publish = partial(self._aws.publish, topic, notice, request.endpoint_name, request.request_id)
            self._publish(publish, delivery.cancellation.shutdown)
        except ShuttingDownError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the request has ended as its object says
            self._meter.add(request.endpoint_name, Metric.NOTIFICATION_FAILURES)
            _log.warning(
                "notice_not_published", inference_id=request.inference_id, topic=topic, error=str(error)
            )

    def _publish(self, publish: Callable[[], None], stop: threading.Event) -> None:
        """Waits for SNS while it is away, but not for ever: it may not be among the store's services."""
        patience, restarts = self._settings.notice_patience, self._aws.store_probe.restarts
        try:
            retry_for(patience, stop, publish)
        except ClientError as error:
            again = partial(self._aws.store_probe.restarted_since, restarts)
            if not is_lost(error) or not retry_while_unavailable(stop, again):
                raise
            retry_for(patience, stop, publish)

    def _record(self, delivery: Delivery, state: State, reason: str | None) -> None:
        claim = delivery.claim
        assert claim is not None
        now, request = self._clock.now(), claim.request
        delete_at = now + self._settings.retention_seconds
        end = partial(self._table.end, claim, state, reason=reason, now=now, delete_at=delete_at)
        self._items.write(delivery, end)
        _log.info(
            "request_ended",
            endpoint=request.endpoint_name,
            request_id=request.request_id,
            inference_id=request.inference_id,
            state=state,
            delivery=claim.fence,
            seconds=round(now - request.received_at, 3),
        )

    def _count(self, request: AsyncRequest, outcome: Outcome) -> None:
        metrics = {Cause.EXPIRED: Metric.EXPIRED, Cause.INPUT: Metric.DOWNLOAD_FAILURES}
        metric = Metric.PROCESSED if outcome.cause is None else metrics.get(outcome.cause, Metric.FAILURES)
        self._meter.add(request.endpoint_name, metric)
        if outcome.status is not None:
            side = Metric.CLIENT_ERRORS if outcome.status in CLIENT_ERRORS else Metric.SERVER_ERRORS
            self._meter.add(request.endpoint_name, side)
        seconds = max(0.0, self._clock.now() - request.received_at)
        self._meter.add(request.endpoint_name, Metric.TOTAL_PROCESSING_TIME, seconds * 1e3)


def as_metadata(reason: str) -> str:
    """A reason as a header's value: one line of ASCII, whose length S3 takes."""
    line = _CONTROL.sub(" ", reason).strip()
    return line.encode("ascii", "backslashreplace").decode()[:_REASON_LENGTH]


def _end(outcome: Outcome, now: float) -> End:
    payload = outcome.payload
    body = payload.read_all() if payload.length <= MAX_BODY_BYTES else None
    return End(outcome.state, now, payload.content_type, outcome.reason, body)
