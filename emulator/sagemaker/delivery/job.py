"""One request, from the queue to its end. Runs in a thread of its own, and blocks."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import structlog

from meshtwin.emulator.core.faults.rules import Place, Stage
from meshtwin.emulator.sagemaker.delivery.container import (
    Cut,
    Invocation,
    NoAnswerError,
    NotConnectedError,
)
from meshtwin.emulator.sagemaker.delivery.items import StuckItemError
from meshtwin.emulator.sagemaker.delivery.objects import InputError, InputInterruptedError
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
from meshtwin.emulator.sagemaker.delivery.retry import LetGoError, persist
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.table import LostLeaseError, NoRecordError, StoreUnavailableError
from meshtwin.emulator.sagemaker.settings import OnInstanceLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.delivery.outcome import Outcome
    from meshtwin.emulator.sagemaker.delivery.retry import Patience
    from meshtwin.emulator.sagemaker.delivery.tools import Hooks, Seat, Tools
    from meshtwin.emulator.sagemaker.delivery.wire import Answer
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
    from meshtwin.emulator.sagemaker.queue.table import Claim

T = TypeVar("T")

_INPUT_PAUSE = 1.0
"""Before an input that was interrupted is asked for again. Real seconds."""

_SERVER_ERRORS = 500

_log = structlog.get_logger()


class Job:
    """A request that has left the queue. Without a `seat` it is ended without being delivered."""

    def __init__(
        self,
        tools: Tools,
        hooks: Hooks,
        endpoint_name: str,
        entry: Entry,
        seat: Seat | None = None,
        cause: Cause = Cause.EXPIRED,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.seat = seat
        self.holds_slot = seat is not None
        """For the dispatcher's use alone."""
        self.claim: Claim | None = None
        """Set while the lease is this job's, and needs renewing."""
        self.deadline: float | None = None
        """When the invocation times out; None while none runs."""
        self.warn_at: float | None = None
        """When most of that time is over; None once that has been said."""
        self.is_forgotten = False
        """Set where the table had no such request when its turn came."""
        self._tools = tools
        self._hooks = hooks
        self._entry = entry
        self._cause = cause
        self._invocation = Invocation()
        self._let_go = threading.Event()
        self._stop = threading.Event()
        """Set when the input is not needed any more: let go, or cancelled."""
        self._is_lost = False
        self._is_cancelled = False

    @property
    def entry(self) -> Entry:
        """The request as the queue had it."""
        return self._entry

    def time_out(self) -> None:
        """End the invocation: its time is over."""
        self.deadline = None
        self._invocation.abort(Cut.TIMED_OUT)

    def warn(self) -> None:
        """Say that the invocation may time out: the default of 15 minutes is easily forgotten."""
        self.warn_at = None
        if self.claim is not None:
            _log.warning(
                "invocation_near_timeout",
                **self._names(self.claim),
                timeout_seconds=self.claim.request.timeout_seconds,
            )

    def cancel(self) -> None:
        """End the request as cancelled, unless its answer is there already."""
        self._is_cancelled = True
        self._stop.set()
        self._invocation.abort(Cut.CANCELLED)

    def lose_instance(self) -> None:
        """End the invocation: nobody is there to answer it."""
        self._invocation.abort(Cut.INSTANCE_LOST)

    def let_go(self, *, lost: bool = False) -> None:
        """Stop as soon as possible; what is answered already may be brought to its end, unless `lost`."""
        self._is_lost = self._is_lost or lost
        self._let_go.set()
        self._stop.set()
        self._invocation.abort(Cut.LET_GO)

    def renew(self) -> None:
        """Heartbeat."""
        claim = self.claim
        if claim is None:
            return
        try:
            self._tools.table.renew(
                claim, self._lease_end(), self._tools.clock.now(), lambda: self.claim is claim
            )
        except StoreUnavailableError as error:
            _log.warning("lease_not_renewed", request_id=claim.request.request_id, error=str(error))
        except LostLeaseError:
            if self.claim is claim:
                self.let_go(lost=True)

    def run(self) -> None:
        """Bring the request to its end, or back to the queue."""
        returned = None
        try:
            returned = self._work()
        except LetGoError:
            self._put_back()
        except NoRecordError:
            self.is_forgotten = True
        except LostLeaseError as error:
            _log.warning("request_taken_by_another", request_id=self._entry.request_id, error=str(error))
        except StuckItemError as error:
            # The patrol finds it, again and again, until it can be written.
            _log.error("request_set_aside", request_id=self._entry.request_id, error=str(error))
        except Exception as error:  # noqa: BLE001  # the edge of the thread
            # Whatever went wrong, the request has to end.
            _log.exception("request_failed_inside_emulator", request_id=self._entry.request_id)
            self._fail(error)
        finally:
            self.claim = None
            self._hooks.finished(self, returned)

    def _work(self) -> Entry | None:
        table = self._tools.table
        claim = self._take()
        if claim is None:
            return None
        now = self._tools.clock.now()
        self.claim = claim
        self._reach(Stage.CLAIMED)
        if claim.fence == 1:
            waited = max(0.0, now - claim.request.received_at)
            self._tools.meter.add(self.endpoint_name, Metric.TIME_IN_BACKLOG, waited * 1e3)
        if claim.fence > 1 and self._tools.settler.settle_found(claim, self._let_go):
            return None
        outcome = self._outcome(claim)
        if self.seat is not None:
            self._hooks.released(self)
        if outcome is None:
            self._persist(partial(table.put_back, claim, self._tools.clock.now()))
            return claim.entry
        if self._is_lost:
            raise LostLeaseError("the lease ended while the request was processed")
        self._tools.settler.settle(claim, outcome, self._let_go)
        return None

    def _take(self) -> Claim | None:
        """The request, in this emulator's hands; None where it is not to be worked on."""
        if self._let_go.is_set():
            return None
        claim = partial(
            self._tools.table.claim,
            self.endpoint_name,
            self._entry,
            self._lease_end(),
            now=self._tools.clock.now(),
            instance_id=self.instance_id,
        )
        return self._persist(claim)

    def _persist(self, write: Callable[[], T]) -> T:
        return self._tools.items.persist(self._let_go, self.endpoint_name, self._entry.request_id, write)

    @property
    def instance_id(self) -> str | None:
        """Where the request is worked on; None where nowhere."""
        return self.seat.instance.instance_id if self.seat is not None else None

    def _input(self, claim: Claim) -> Input:
        rule = self._tools.faults.draw(Place.INPUT, endpoint=self.endpoint_name)
        if rule is not None and rule.effect == "fail":
            raise InputError(f"ClientError: Unable to download the input: {rule.message}")
        if rule is not None:
            self._stop.wait(rule.seconds)
        return persist(self._stop, self._download, claim.request, self._tools.objects.patience())

    def _download(self, request: AsyncRequest, patience: Patience) -> Input:
        began = time.perf_counter()
        found = self._tools.objects.open_input(request, patience)
        if request.body is None:
            self._tools.meter.add(self.endpoint_name, Metric.DOWNLOAD_LATENCY, _micros_since(began))
        return found

    def _outcome(self, claim: Claim) -> Outcome | None:
        """How the request ends; None where it is to be delivered again."""
        settings = self._tools.settings
        if self._cause is Cause.ENDPOINT_DELETED or self._tools.settler.is_for_an_earlier_endpoint(
            claim.request
        ):
            reason = f"InternalFailure: endpoint {self.endpoint_name} was deleted"
            return platform_failure(Cause.ENDPOINT_DELETED, reason)
        if self._cause is Cause.CANCELLED or self._is_cancelled:
            return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
        if self.seat is None or self._tools.clock.now() >= claim.request.expires_at:
            return platform_failure(Cause.EXPIRED, settings.expired_reason)
        if claim.fence > settings.max_deliveries:
            return no_answer(Cause.INSTANCE_LOST, LOST)
        return self._deliver(claim, self.seat)

    def _deliver(self, claim: Claim, seat: Seat) -> Outcome | None:
        sent, again = 0, self._tools.settings.container_retries
        while True:
            try:
                body = self._input(claim)
            except InputError as error:
                return platform_failure(Cause.INPUT, str(error))
            except LetGoError:
                if self._let_go.is_set():
                    raise
                return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
            self._reach(Stage.FETCHED)
            try:
                with closing(body):
                    most = self._tools.settings.response_header_bytes
                    outcome = judge(self._invoke(claim, seat, body), most)
                    sent += 1
                    self._reach(Stage.ANSWERED)
                    if self._is_to_be_repeated(outcome, sent, again):
                        outcome.payload.close()
                        continue
                    return outcome
            except NotConnectedError as error:
                _log.warning("container_not_reached", **self._names(claim), error=str(error))
                self._hooks.suspected(self)
                seat.instance.lost.wait(self._tools.settings.loss_seconds)
                return None
            except NoAnswerError as error:
                sent += 1
                outcome_now = self._unanswered(claim, seat, error)
                if outcome_now is None or not self._is_to_be_repeated(outcome_now, sent, again):
                    return outcome_now
            except InputInterruptedError as error:
                _log.warning("input_interrupted", **self._names(claim), error=str(error))
                self._stop.wait(_INPUT_PAUSE)

    def _is_to_be_repeated(self, outcome: Outcome, sent: int, retries: int) -> bool:
        """Whether a container gets the request once more: by a fault, or by the setting."""
        if sent == 1 and self._tools.faults.draw(Place.DELIVERY, endpoint=self.endpoint_name) is not None:
            return True
        status = outcome.status or 0
        passing = outcome.cause in {Cause.TIMED_OUT, Cause.CONNECTION_CLOSED} or status >= _SERVER_ERRORS
        return passing and sent <= retries

    def _invoke(self, claim: Claim, seat: Seat, body: Input) -> Answer:
        # There first, then looked at: who cuts it short from now on finds this one.
        self._invocation = invocation = Invocation()
        if self._let_go.is_set():
            raise LetGoError
        if self._is_cancelled:
            invocation.abort(Cut.CANCELLED)
        now, timeout = self._tools.clock.now(), claim.request.timeout_seconds
        self.deadline = now + timeout
        self.warn_at = now + timeout * self._tools.settings.timeout_warning
        self._hooks.armed(min(self.deadline, self.warn_at))
        try:
            answer = self._tools.sender.send(claim, seat.instance, seat.client, body, invocation)
        finally:
            self.deadline = self.warn_at = None
        settings = self._tools.settings
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and claim.fence < settings.max_deliveries:
            # A container whose worker has died says so at once, and would say so to the whole queue.
            seat.client.check_ready(settings.ping_timeout)
        return answer

    def _reach(self, stage: Stage) -> None:
        self._tools.faults.reach(stage, self.endpoint_name)

    def _unanswered(self, claim: Claim, seat: Seat, error: NoAnswerError) -> Outcome | None:
        cut = self._invocation.cut
        if cut is Cut.LET_GO:
            raise LetGoError from error
        if cut is Cut.CANCELLED:
            self._hooks.suspected(self)
            return platform_failure(Cause.CANCELLED, CANCELLED_REASON)
        if cut is Cut.TIMED_OUT:
            self._hooks.suspected(self)
            return no_answer(Cause.TIMED_OUT, TIMED_OUT)
        settings = self._tools.settings
        if cut is not Cut.INSTANCE_LOST and not seat.instance.lost.wait(settings.loss_seconds):
            return no_answer(Cause.CONNECTION_CLOSED, CLOSED)
        _log.warning("instance_lost", **self._names(claim), ending=seat.instance.ending)
        if settings.on_instance_loss is OnInstanceLoss.REQUEUE and claim.fence < settings.max_deliveries:
            return None
        return no_answer(Cause.INSTANCE_LOST, LOST)

    def _fail(self, error: Exception) -> None:
        claim = self.claim
        if claim is None:
            return
        outcome = platform_failure(Cause.INTERNAL, f"InternalFailure: {type(error).__name__}: {error}")
        settler = self._tools.settler
        try:
            # Whatever went wrong after the object was written, there is to be no other one.
            if not settler.settle_found(claim, self._let_go):
                settler.settle(claim, outcome, self._let_go)
        except Exception:  # noqa: BLE001  # the edge of the thread
            # Nothing is left to try here: the patrol finds the request, and it is delivered again.
            _log.exception("request_not_ended", **self._names(claim))

    def _put_back(self) -> None:
        claim = self.claim
        if claim is None or self._is_lost:
            return
        try:
            self._tools.table.put_back(claim, self._tools.clock.now())
        except (StoreUnavailableError, LostLeaseError) as error:
            _log.warning("request_not_put_back", **self._names(claim), error=str(error))

    def _lease_end(self) -> float:
        # Real time: it is a promise to other processes, whose clocks may run otherwise.
        return time.time() + self._tools.settings.lease_seconds

    def _names(self, claim: Claim) -> dict[str, str]:
        return {
            "endpoint": self.endpoint_name,
            "request_id": claim.request.request_id,
            "inference_id": claim.request.inference_id,
            "instance_id": self.seat.instance.instance_id if self.seat is not None else "-",
        }


def _micros_since(began: float) -> float:
    return (time.perf_counter() - began) * 1e6
