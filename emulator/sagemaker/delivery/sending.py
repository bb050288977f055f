"""One delivery of a request to a container, watched: measured, kept to be looked at, and open to faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meshtwin.emulator.core.faults.rules import Place, Stage
from meshtwin.emulator.sagemaker.delivery.container import (
    NoAnswerError,
    NotConnectedError,
    invocation_headers,
)
from meshtwin.emulator.sagemaker.delivery.exchanges import Exchange
from meshtwin.emulator.sagemaker.delivery.objects import InputInterruptedError
from meshtwin.emulator.sagemaker.delivery.payload import Payload
from meshtwin.emulator.sagemaker.delivery.wire import Answer
from meshtwin.emulator.sagemaker.meter import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.core.faults.rules import Rule
    from meshtwin.emulator.sagemaker.delivery.container import ContainerClient, Invocation
    from meshtwin.emulator.sagemaker.delivery.exchanges import Exchanges
    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.meter import Meter
    from meshtwin.emulator.sagemaker.queue.table import Claim

_CRASH_SECONDS = 5.0
"""How long the end of a process that was killed may take to be known."""


class Sender:
    """Sends for every job; may be used from any thread."""

    def __init__(
        self,
        meter: Meter,
        faults: Faults,
        exchanges: Exchanges,
        clock: Clock,
        *,
        require_content_length: bool,
    ) -> None:
        self._meter = meter
        self._faults = faults
        self._exchanges = exchanges
        self._clock = clock
        self._require_content_length = require_content_length

    def send(
        self, claim: Claim, instance: Instance, client: ContainerClient, body: Input, invocation: Invocation
    ) -> Answer:
        """The container's answer; raises what `Invocation.send` does."""
        headers = invocation_headers(claim.request, body)
        exchange = self._begin(claim, instance, headers, body)
        began = time.perf_counter()
        try:
            answer = self._exchange(claim, instance, client, headers, body, invocation)
        except (NoAnswerError, NotConnectedError, InputInterruptedError) as error:
            if exchange is not None:
                exchange.error = str(error) if invocation.cut is None else f"{invocation.cut}: {error}"
                exchange.answered_at = self._clock.now()
            raise
        endpoint_name = claim.request.endpoint_name
        self._meter.add(endpoint_name, Metric.MODEL_LATENCY, (time.perf_counter() - began) * 1e6)
        if exchange is not None:
            exchange.status, exchange.response_headers = answer.status, answer.headers
            if answer.body is not None:
                exchange.response_body = self._exchanges.excerpt_of(answer.body)
            exchange.answered_at = self._clock.now()
        return answer

    def _exchange(  # both ends of one exchange
        self,
        claim: Claim,
        instance: Instance,
        client: ContainerClient,
        headers: Mapping[str, str],
        body: Input,
        invocation: Invocation,
    ) -> Answer:
        endpoint_name = claim.request.endpoint_name
        rule = self._faults.draw(Place.CONTAINER, endpoint=endpoint_name)
        if rule is not None:
            return _strike(rule, instance, invocation)
        return invocation.send(
            client,
            headers,
            body,
            require_content_length=self._require_content_length,
            on_sent=lambda: self._faults.reach(Stage.SENT, endpoint_name),
        )

    def _begin(
        self, claim: Claim, instance: Instance, headers: Mapping[str, str], body: Input
    ) -> Exchange | None:
        if not self._exchanges.is_kept:
            return None
        address = str(instance.address)
        exchange = Exchange(
            delivery=claim.fence,
            instance_id=instance.instance_id,
            address=address,
            sent_at=self._clock.now(),
            request_headers={"Host": address, **headers},
            request_body=self._exchanges.excerpt(body.content, body.length),
        )
        self._exchanges.add(claim.request.request_id, exchange)
        return exchange


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
