"""Queue, fleets and dispatcher without a front door: requests go straight into the queue."""

from __future__ import annotations

import asyncio
import sys
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.clock import AdjustableClock, Clock
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
from meshtwin.emulator.sagemaker.fleet.fleets import Fleets
from meshtwin.emulator.sagemaker.fleet.launchers import Launchers
from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
from meshtwin.emulator.sagemaker.fleet.spec import Container, FleetSpec, Notifications
from meshtwin.emulator.sagemaker.meter import Meter
from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
from meshtwin.emulator.sagemaker.recovery.patrol import Patrol
from meshtwin.emulator.sagemaker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from mypy_boto3_s3 import S3Client

CONTAINERS = Path(__file__).parents[1] / "containers"


def program(name: str) -> tuple[str, ...]:
    """The argv of one of the test containers."""
    return (sys.executable, str(CONTAINERS / f"{name}.py"))


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings with a table of the test's own; an image `x` stands for `containers/x.py`."""
    commands = {path.stem: program(path.stem) for path in CONTAINERS.glob("*.py")}
    given: dict[str, Any] = {
        "table_prefix": f"t-{uuid.uuid4().hex[:8]}",
        "commands": commands,
        "log_dir": folder,
        "ping_interval": 0.1,
        "stop_grace": 5.0,
        **changes,
    }
    return Settings(**given)


def spec_for(image: str = "echo", **changes: Any) -> FleetSpec:
    """One instance of `containers/<image>.py`, one request at a time."""
    name = changes.pop("endpoint_name", f"e-{uuid.uuid4().hex[:8]}")
    environment = changes.pop("environment", {})
    given: dict[str, Any] = {
        "endpoint_arn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}",
        "variant_name": "main",
        "container": Container(image, environment),
        "instance_count": 1,
        "concurrency": 1,
        "startup_timeout": 30.0,
        "notifications": Notifications(),
        **changes,
    }
    return FleetSpec(endpoint_name=name, **given)


@dataclass
class Harness:
    """One emulator's inner life, and a bucket for its objects."""

    settings: Settings
    clock: Clock
    aws: Aws
    queue: RequestQueue
    launchers: Launchers
    fleets: Fleets
    running_fleets: RunningFleets
    dispatcher: Dispatcher
    patrol: Patrol
    meter: Meter
    faults: Faults
    s3: S3Client
    bucket: str

    def request(self, spec: FleetSpec, body: bytes | None = b"hello", **changes: Any) -> AsyncRequest:
        """A request for the endpoint, with an inline body, as the front door would make it."""
        request_id = str(uuid.uuid4())
        request = AsyncRequest(
            request_id=request_id,
            endpoint_name=spec.endpoint_name,
            inference_id=str(uuid.uuid4()),
            received_at=self.clock.now(),
            ttl_seconds=21_600,
            timeout_seconds=900,
            output_location=f"s3://{self.bucket}/out/{request_id}.out",
            failure_location=f"s3://{self.bucket}/failed/{request_id}-error.out",
            body=body if "input_location" not in changes else None,
        )
        return replace(request, **changes)

    async def submit(self, spec: FleetSpec, body: bytes | None = b"hello", **changes: Any) -> AsyncRequest:
        """Accept a request."""
        request = self.request(spec, body, **changes)
        await self.queue.accept(request)
        return request

    async def accept_all(self, requests: Sequence[AsyncRequest]) -> None:
        """Accept them, eight at a time: one that waits for many others is refused on a busy machine."""
        places = asyncio.Semaphore(8)

        async def accept(request: AsyncRequest) -> None:
            async with places:
                await self.queue.accept(request)

        await asyncio.gather(*map(accept, requests))

    def record(self, request: AsyncRequest) -> dict[str, Any]:
        """The request's item, plain."""
        item = self.queue.table.get(request.request_id)
        assert item is not None
        return {name: next(iter(value.values())) for name, value in item.items()}

    async def ended(self, request: AsyncRequest, seconds: float = 20.0) -> dict[str, Any]:
        """The request's item, once it has ended."""

        def look() -> dict[str, Any] | None:
            record = self.record(request)
            return record if "ended_at" in record else None

        found: dict[str, Any] = await until(lambda: asyncio.to_thread(look), seconds)
        return found

    def objects(self) -> dict[str, dict[str, Any]]:
        """Every object in the bucket by key: Body, ContentType, Metadata."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        found = {}
        for entry in listed:
            got = self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])
            with got["Body"] as stream:
                found[entry["Key"]] = {**got, "Body": stream.read()}
        return found

    def result(self, request: AsyncRequest) -> dict[str, Any]:
        """The one object that the request has written."""
        places = {request.output_location, request.failure_location}
        written = [
            {**found, "failed": key.startswith("failed/")}
            for key, found in self.objects().items()
            if f"s3://{self.bucket}/{key}" in places
        ]
        assert len(written) == 1, f"{len(written)} objects for {request.request_id}"
        return written[0]

    def look_at(self, url: str) -> None:
        """Look at objects and records past the way the emulator takes."""
        self.s3.close()
        self.s3 = boto3.client("s3", endpoint_url=url)

    def writes(self) -> dict[str, int]:
        """Calls made by the emulator's clients so far."""
        return dict(self.aws.usage.calls)


async def until(condition: Callable[[], Awaitable[Any] | Any], seconds: float = 20.0) -> Any:
    """The first true value of `condition`, asked every 10 ms for at most `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = condition()
        if isinstance(found, asyncio.Future) or asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not true within {seconds:g} s"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    url: str, settings: Settings, clock: Clock | None = None, *, bucket: str | None = None, s3_url: str = ""
) -> AsyncIterator[Harness]:
    """A started harness on the AWS services at `url`, stopped at the end; the environment points there too.

    `s3_url` is where the test itself looks at objects, if that is another way to the same S3.
    """
    clock = clock or AdjustableClock()
    aws = Aws(settings.region)
    owner = new_owner()
    queue = RequestQueue(aws, settings, owner)
    launchers = Launchers(settings, aws.s3, owner)
    meter, faults, running_fleets = Meter(), Faults(), RunningFleets()
    dispatcher = Dispatcher(queue, running_fleets, aws, clock, settings, meter, faults)
    fleets = Fleets(running_fleets, launchers, [dispatcher], clock, settings)
    patrol = Patrol(queue, dispatcher, aws, clock, settings)
    s3 = boto3.client("s3", endpoint_url=s3_url or url, config=Config(retries={"total_max_attempts": 1}))
    if bucket is None:
        bucket = f"t-{uuid.uuid4().hex[:12]}"
        s3.create_bucket(Bucket=bucket)
    await queue.setup()
    await dispatcher.start()
    await patrol.start()
    try:
        yield Harness(
            settings,
            clock,
            aws,
            queue,
            launchers,
            fleets,
            running_fleets,
            dispatcher,
            patrol,
            meter,
            faults,
            s3,
            bucket,
        )
    finally:
        await patrol.close()
        await dispatcher.close()
        await fleets.close()
        launchers.close()
        aws.close()
        s3.close()


def drive(
    url: str,
    settings: Settings,
    scenario: Callable[[Harness], Awaitable[None]],
    clock: Clock | None = None,
    **options: Any,
) -> None:
    """Run a scenario on a harness of its own."""

    async def main() -> None:
        async with running(url, settings, clock, **options) as harness:
            await scenario(harness)

    asyncio.run(main())
