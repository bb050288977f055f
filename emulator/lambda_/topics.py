"""All subscriptions of functions to topics: the manifest's, and users' own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.lambda_.sandbox import function_arn
from meshtwin.emulator.lambda_.subscription import POLL_SECONDS, Clients, Subscription, SubscriptionSpec
from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshtwin.emulator.lambda_.events import Events
    from meshtwin.emulator.lambda_.manifest import Function
    from meshtwin.emulator.lambda_.settings import HostSettings

_PATIENCE = 10.0
"""Seconds that the host waits at its start for its subscriptions to be made."""

_COPIED = ("FilterPolicy", "FilterPolicyScope")

_log = structlog.get_logger(__name__)


def new_clients(region: str) -> Clients:
    """Clients for as many subscriptions as a manifest may have."""
    config = Config(
        connect_timeout=2,
        read_timeout=POLL_SECONDS + 10,
        retries={"mode": "standard"},
        max_pool_connections=64,
    )
    session = boto3.session.Session(region_name=region)
    return Clients(
        refuse_cut_answers(session.client("sns", config=config)),
        refuse_cut_answers(session.client("sqs", config=config)),
    )


class Topics:
    """The subscriptions of functions to topics."""

    def __init__(self, functions: Iterable[Function], events: Events, settings: HostSettings) -> None:
        self._arns = {function_arn(settings, function.name): function for function in functions}
        self._events = events
        self._interval = settings.topic_interval
        self._own: list[Subscription] = []
        self._mirrored: dict[str | None, Subscription] = {}
        self._tasks = Supervised()
        self._clients = new_clients(settings.region)

    async def start(self) -> None:
        """Subscribe; go on after a while where SNS does not answer, and try again meanwhile."""
        specs = [
            SubscriptionSpec(function, topic) for function in self._arns.values() for topic in function.topics
        ]
        self._own = [self._begin(spec) for spec in specs]
        attempts = [asyncio.ensure_future(subscription.attempted.wait()) for subscription in self._own]
        if attempts:
            _, late = await asyncio.wait(attempts, timeout=_PATIENCE)
            for attempt in late:
                attempt.cancel()
        if self._arns:
            self._tasks.run("subscriptions", self._mirror)

    def _begin(self, spec: SubscriptionSpec) -> Subscription:
        subscription = Subscription(spec, self._clients, self._events, self._interval)
        subscription.start()
        return subscription

    async def _mirror(self) -> None:
        """Follow each subscription by `lambda` of a function of this host, as long as there is one."""
        while True:
            try:
                wanted = {spec.known_as: spec for spec in await asyncio.to_thread(self._wanted)}
                for gone in self._mirrored.keys() - wanted.keys():
                    await asyncio.to_thread(self._mirrored.pop(gone).remove)
                for arn in wanted.keys() - self._mirrored.keys():
                    self._mirrored[arn] = self._begin(wanted[arn])
            except (BotoCoreError, ClientError):
                pass  # a subscription logs that its store is away; all are listed again after a while
            await asyncio.sleep(self._interval)

    def _wanted(self) -> list[SubscriptionSpec]:
        found = []
        for page in self._clients.sns.get_paginator("list_subscriptions").paginate():
            for listed in page["Subscriptions"]:
                function = self._arns.get(listed["Endpoint"].removesuffix(":$LATEST"))
                # A topic of the manifest is followed already.
                if listed["Protocol"] == "lambda" and function and listed["TopicArn"] not in function.topics:
                    found.append(self._spec(function, listed["TopicArn"], listed["SubscriptionArn"]))
        return found

    def _spec(self, function: Function, topic: str, arn: str) -> SubscriptionSpec:
        if arn in self._mirrored:
            return self._mirrored[arn].spec
        found = self._clients.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return SubscriptionSpec(
            function, topic, arn, {name: found[name] for name in _COPIED if found.get(name)}
        )

    async def close(self) -> None:
        """Follow nothing more. Queues and subscriptions stay, and fill: the next host finds them."""
        await self._tasks.close()
        subscriptions = (*self._own, *self._mirrored.values())
        await asyncio.gather(*(subscription.close() for subscription in subscriptions))
