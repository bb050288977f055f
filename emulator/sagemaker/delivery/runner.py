"""Runs deliveries: claim, input, container, end. Blocks; each delivery has a thread of its own."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import structlog

from meshtwin.emulator.core.faults.rules import FaultPoint, Stage
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.delivery.completion import Completion
from meshtwin.emulator.sagemaker.delivery.container import (
    Answer,
    Cut,
    NoAnswerError,
    NotConnectedError,
    check_ready,
    invocation_headers,
)
from meshtwin.emulator.sagemaker.delivery.items import Items, StuckItemError
from meshtwin.emulator.sagemaker.delivery.objects import InputError, InputInterruptedError, Objects
from meshtwin.emulator.sagemaker.delivery.outcome import (
    CANCELLED_REASON,
    CLOSED,
    LOST,
    TIMED_OUT,
    Cause,
    judge,
    no_answer,
    platform_failure,
)
from meshtwin.emulator.sagemaker.delivery.payload import Payload
from meshtwin.emulator.sagemaker.delivery.retry import ShuttingDownError, retry_while_unavailable
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.table import NoRecordError, StaleClaimError
from meshtwin.emulator.sagemaker.settings import OnInstanceLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.rules import Rule
    from meshtwin.emulator.sagemaker.delivery.container import Invocation
    from meshtwin.emulator.sagemaker.delivery.delivery import Delivery
    from meshtwin.emulator.sagemaker.delivery.exchanges import Exchange, Exchanges
    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.delivery.outcome import Outcome
    from meshtwin.emulator.sagemaker.delivery.retry import Patience
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.meter import Meter
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.table import Claim, RequestTable
    from meshtwin.emulator.sagemaker.settings import Settings

_INPUT_PAUSE = 1.0
"""Before an input that was interrupted is read again. Real seconds."""

_CRASH_SECONDS = 5.0
"""How long the end of a process that was killed may take to be known."""

_SERVER_ERRORS = 500

_log = structlog.get_logger()


class DeliveryObserver(Protocol):
    """What a delivery reports on its way. Called from the delivery's thread."""

    def deadline_set(self, when: float) -> None:
        """Something is due at this time."""
        ...

    def slot_released(self, delivery: Delivery) -> None:
        """The container is done with the request; what follows needs no slot."""
        ...

    def instance_suspected(self, delivery: Delivery) -> None:
        """The instance should be pinged before it gets more."""
        ...

    def delivery_finished(self, delivery: Delivery, returned: Entry | None) -> None:
        """The thread is done; with an entry, the request goes back to the queue."""
        ...


class DeliveryRunner:
    """What all deliveries work with. `specs` finds an endpoint's fleet, also of one that was deleted."""

    def __init__(  # noqa: PLR0913, PLR0917  # a delivery meets all of them
        self,
        table: RequestTable,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        meter: Meter,
        exchanges: Exchanges,
        specs: Callable[[str], FleetSpec | None],
        observer: DeliveryObserver,
    ) -> None:
        self._table = table
        self._items = Items(table, settings.item_patience)
        self._objects = Objects(aws.s3, aws.store_probe, settings.object_patience)
        self._completion = Completion(table, self._items, self._objects, aws, specs, clock, settings, meter)
        self._clock = clock
        self._settings = settings
        self._meter = meter
        self._exchanges = exchanges
        self._observer = observer

    def run(self, delivery: Delivery) -> None:
        """Bring the request to its end, or back to the queue."""
        returned = None
        try:
            returned = self._run(delivery)
        except ShuttingDownError:
            self._put_back(delivery)
        except NoRecordError:
            delivery.is_lost = True
        except StaleClaimError as error:
            _log.warning("request_taken_by_another", **delivery.names(), error=str(error))
        except StuckItemError as error:
            # The patrol finds it, again and again, until it can be written.
            _log.error("request_set_aside", **delivery.names(), error=str(error))
        except Exception as error:  # noqa: BLE001  # the edge of the thread
            # Whatever went wrong, the request has to end.
            _log.exception("request_failed_inside_emulator", **delivery.names())
            self._fail(delivery, error)
        finally:
            delivery.claim = None
            self._observer.delivery_finished(delivery, returned)

    def _run(self, delivery: Delivery) -> Entry | None:
        if delivery.cancellation.shutdown.is_set():
            return None
        claim = delivery.claim = self._items.write(delivery, partial(self._claim, delivery))
        delivery.at(Stage.CLAIMED)
        if claim.fence == 1:
            waited = max(0.0, self._clock.now() - claim.request.received_at)
            self._meter.add(delivery.endpoint_name, Metric.TIME_IN_BACKLOG, waited * 1e3)
        elif self._completion.complete_from_object(delivery):
            return None
        outcome = self._outcome(delivery, claim.fence)
        self._observer.slot_released(delivery)
        if outcome is None:
            self._items.write(delivery, partial(self._table.put_back, claim, self._clock.now()))
            return claim.entry
        self._completion.complete(delivery, outcome)
        return None

    def _claim(self, delivery: Delivery) -> Claim:
        return self._table.claim(
            delivery.endpoint_name,
            delivery.entry,
            now=self._clock.now(),
            instance_id=delivery.instance_id,
        )

    def _outcome(self, delivery: Delivery, fence: int) -> Outcome | None:
        """How the request ends; None where it is to be delivered again."""
        request = delivery.request
        if delivery.cause is Cause.ENDPOINT_DELETED or self._completion.is_for_an_earlier_endpoint(request):
            reason = f"InternalFailure: endpoint {delivery.endpoint_name} was deleted"
            return platform_failure(Cause.ENDPOINT_DELETED, reason)
        if delivery.cause is Cause.CANCELLED or delivery.cancellation.is_cancelled:
            return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
        if delivery.instance is None or self._clock.now() >= request.expires_at:
            return platform_failure(Cause.EXPIRED, self._settings.expired_reason)
        if fence > self._settings.max_deliveries:
            return no_answer(Cause.INSTANCE_LOST, LOST)
        return self._deliver(delivery, delivery.instance, fence)

    def _deliver(self, delivery: Delivery, instance: Instance, fence: int) -> Outcome | None:
        sent = 0
        while True:
            try:
                body = self._input(delivery)
            except InputError as error:
                return platform_failure(Cause.INPUT, str(error))
            except ShuttingDownError:
                if delivery.cancellation.shutdown.is_set():
                    raise
                return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
            delivery.at(Stage.FETCHED)
            invocation = delivery.cancellation.invocation()
            try:
                with closing(body):
                    answer = self._invoke(delivery, instance, fence, body, invocation)
                    outcome = judge(answer, self._settings.response_header_bytes)
                    delivery.at(Stage.ANSWERED)
            except NotConnectedError as error:
                _log.warning("container_not_reached", **delivery.names(), error=str(error))
                self._observer.instance_suspected(delivery)
                instance.lost.wait(self._settings.loss_seconds)
                return None
            except InputInterruptedError as error:
                _log.warning("input_interrupted", **delivery.names(), error=str(error))
                delivery.cancellation.stop_input.wait(_INPUT_PAUSE)
                continue
            except NoAnswerError as error:
                unanswered = self._unanswered(delivery, instance, fence, invocation.cut, error)
                if unanswered is None:
                    return None
                outcome = unanswered
            sent += 1
            if not self._is_to_be_repeated(delivery, outcome, sent):
                return outcome
            outcome.payload.close()

    def _input(self, delivery: Delivery) -> Input:
        rule = delivery.fault(FaultPoint.INPUT)
        if rule is not None and rule.effect == "fail":
            raise InputError(f"ClientError: Unable to download the input: {rule.message}")
        stop = delivery.cancellation.stop_input
        if rule is not None:
            stop.wait(rule.seconds)
        return retry_while_unavailable(stop, partial(self._download, delivery, self._objects.patience()))

    def _download(self, delivery: Delivery, patience: Patience) -> Input:
        began = time.perf_counter()
        found = self._objects.open_input(delivery.request, patience)
        if delivery.request.body is None:
            self._meter.add(delivery.endpoint_name, Metric.DOWNLOAD_LATENCY, _micros_since(began))
        return found

    def _invoke(
        self, delivery: Delivery, instance: Instance, fence: int, body: Input, invocation: Invocation
    ) -> Answer:
        """The container's answer, within the invocation's timeout; raises what `Invocation.send` does."""
        now, timeout = self._clock.now(), delivery.request.timeout_seconds
        delivery.deadline = now + timeout
        delivery.warn_at = now + timeout * self._settings.timeout_warning
        self._observer.deadline_set(min(delivery.deadline, delivery.warn_at))
        headers = invocation_headers(delivery.request, body)
        exchange = self._exchanges.begin(delivery, fence, instance, headers, body, now)
        began = time.perf_counter()
        try:
            answer = self._send(delivery, instance, headers, body, invocation)
        except (NoAnswerError, NotConnectedError, InputInterruptedError) as error:
            self._end_exchange(exchange, error if invocation.cut is None else f"{invocation.cut}: {error}")
            raise
        finally:
            delivery.deadline = delivery.warn_at = None
        self._meter.add(delivery.endpoint_name, Metric.MODEL_LATENCY, _micros_since(began))
        self._end_exchange(exchange, None, answer)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and fence < self._settings.max_deliveries:
            # A container whose worker has died says so at once, and would say so to the whole queue.
            check_ready(instance.address, self._settings.ping_timeout)
        return answer

    def _send(
        self,
        delivery: Delivery,
        instance: Instance,
        headers: Mapping[str, str],
        body: Input,
        invocation: Invocation,
    ) -> Answer:
        rule = delivery.fault(FaultPoint.CONTAINER)
        if rule is not None:
            return _strike(rule, instance, invocation)
        return invocation.send(
            instance.address,
            headers,
            body,
            require_content_length=self._settings.require_content_length,
            on_sent=partial(delivery.at, Stage.SENT),
        )

    def _end_exchange(
        self, exchange: Exchange | None, error: object = None, answer: Answer | None = None
    ) -> None:
        if exchange is None:
            return
        exchange.answered_at = self._clock.now()
        if answer is None:
            exchange.error = str(error)
            return
        exchange.status, exchange.response_headers = answer.status, answer.headers
        if answer.body is not None:
            exchange.response_body = self._exchanges.excerpt(answer.body.content, answer.body.length)

    def _unanswered(
        self, delivery: Delivery, instance: Instance, fence: int, cut: Cut | None, error: NoAnswerError
    ) -> Outcome | None:
        """How a request ends whose container gave no answer; None where it is to be delivered again."""
        settings = self._settings
        if cut is Cut.SHUTDOWN:
            raise ShuttingDownError from error
        if cut is Cut.CANCELLED:
            self._observer.instance_suspected(delivery)
            return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
        if cut is Cut.TIMED_OUT:
            self._observer.instance_suspected(delivery)
            return no_answer(Cause.TIMED_OUT, TIMED_OUT)
        if cut is not Cut.INSTANCE_LOST and not instance.lost.wait(settings.loss_seconds):
            return no_answer(Cause.CONNECTION_CLOSED, CLOSED)
        _log.warning("instance_lost", **delivery.names(), ending=instance.ending)
        if settings.on_instance_loss is OnInstanceLoss.REQUEUE and fence < settings.max_deliveries:
            return None
        return no_answer(Cause.INSTANCE_LOST, LOST)

    def _is_to_be_repeated(self, delivery: Delivery, outcome: Outcome, sent: int) -> bool:
        """Whether a container gets the request once more: by a fault, or by the setting."""
        if outcome.cause is Cause.CANCELLED:
            return False
        if sent == 1 and delivery.fault(FaultPoint.DELIVERY) is not None:
            return True
        status = outcome.status or 0
        passing = outcome.cause in {Cause.TIMED_OUT, Cause.CONNECTION_CLOSED} or status >= _SERVER_ERRORS
        return passing and sent <= self._settings.container_retries

    def _fail(self, delivery: Delivery, error: Exception) -> None:
        if delivery.claim is None:
            return
        outcome = platform_failure(Cause.INTERNAL, f"InternalFailure: {type(error).__name__}: {error}")
        try:
            # Whatever went wrong after the object was written, there is to be no other one.
            if not self._completion.complete_from_object(delivery):
                self._completion.complete(delivery, outcome)
        except Exception:  # noqa: BLE001  # the edge of the thread
            # Nothing is left to try here: the patrol finds the request, and it is delivered again.
            _log.exception("request_not_ended", **delivery.names())

    def _put_back(self, delivery: Delivery) -> None:
        if delivery.claim is None:
            return
        try:
            self._table.put_back(delivery.claim, self._clock.now())
        except (UnavailableError, StaleClaimError) as error:
            _log.warning("request_not_put_back", **delivery.names(), error=str(error))


def _strike(rule: Rule, instance: Instance, invocation: Invocation) -> Answer:
    """What a fault makes of the container. A crash is a real one."""
    if rule.effect == "hang":
        invocation.hang()
    if rule.effect == "crash":
        if instance.kill():
            instance.lost.wait(_CRASH_SECONDS)
        raise NoAnswerError("the container crashed")
    if rule.effect == "chunked":
        return Answer(200, None, None)
    content = rule.body.encode()
    return Answer(rule.status, "application/json", Payload(content, len(content), "application/json"))


def _micros_since(began: float) -> float:
    return (time.perf_counter() - began) * 1e6
