"""A job table, the handlers on it, and a world in which functions and endpoint do what a test says."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.contract import StepFailure, VoxelSummary, job_prefix
from meshtwin.minecraft.jobs.dispatch import start_queued
from meshtwin.minecraft.jobs.job import Job
from meshtwin.minecraft.jobs.lease import Leases
from meshtwin.minecraft.jobs.states import ENDS
from meshtwin.minecraft.jobs.table import JobTable, create_table
from meshtwin.minecraft.jobs.writes import to_item
from meshtwin.minecraft.lambdas import clients, status, submit
from meshtwin.minecraft.lambdas.worker import build
from meshtwin.minecraft.pipeline.notifications import read
from meshtwin.minecraft.request import BuildRequest
from meshtwin.minecraft.settings import WorkerSettings
from meshtwin.minecraft.voxel.options import HTTP_NAMES, BuildOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from mypy_boto3_s3 import S3Client

    from tests.support.boundary import Asked, Boundary

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 4
TOKEN = "a-token-of-some-length"


@dataclass
class Clock:
    """Time that passes as real time does, and more where a test says so."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Container:
    """What the endpoint's container answers with other than success: its contract's error."""

    code: str
    retryable: bool = False
    message: str = "for the operator"

    def body(self) -> bytes:
        error = {"code": self.code, "message": self.message, "stage": "shape", "retryable": self.retryable}
        return json.dumps({"error": error}).encode()


Outcome = StepFailure | Container | str | None
"""How a step's work ends: well (None), a function's failure, the container's, or the platform's words."""


@dataclass
class World:
    """Handlers, table and bucket of one test. `outcomes` has the next ends of each step's work."""

    table: JobTable
    leases: Leases
    s3: S3Client
    bucket: str
    boundary: Boundary
    clock: Clock
    outcomes: dict[str, deque[Outcome]] = field(default_factory=lambda: defaultdict(deque))
    deliver: bool = True
    """Whether those whose work is done say so."""

    def add(self, **fields: Any) -> str:
        """A job in the queue, past the API; its id."""
        job_id = uuid.uuid4().hex[:12]
        fields.setdefault("prompt", "a red dragon")
        options = BuildOptions(**{name: fields.pop(name) for name in HTTP_NAMES if name in fields})
        assert self.table.add(Job(job_id, BuildRequest(options=options, **fields))) is not None
        return job_id

    def job(self, job_id: str) -> Job:
        job = self.table.get(job_id)
        assert job is not None
        return job

    def items(self) -> list[dict[str, Any]]:
        """All of the table, as DynamoDB writes it."""
        return [dict(item) for item in self.table.client.scan(TableName=self.table.name)["Items"]]

    def set(self, key: str, **values: str | int) -> None:
        """Write attributes of an item past all that the table looks at."""
        names = {f"#{name}": name for name in values}
        self.table.client.update_item(
            TableName=self.table.name,
            Key={"job_id": {"S": key}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in values.items()}),
        )

    def expire(self, key: str) -> None:
        """Let an item's time be over, though it is not deleted."""
        self.set(key, expires_at=int(time.time()) - 5)

    def start(self) -> list[Job]:
        return start_queued(self.table, self.leases)

    def worker(self, event: object) -> list[str]:
        """One call of the worker's, in this process."""
        worker = build(WorkerSettings.from_environment(), self.clock)
        return worker.handle(read(event), uuid.uuid4().hex)

    def wake(self, job_id: str) -> None:
        self.worker({"jobId": job_id})

    def sweep(self) -> None:
        self.worker({"sweep": True})

    def act(self, asked: Asked) -> dict[str, Any] | None:
        """Do what was asked, as the outcomes say; the event that tells the worker of it."""
        if asked.name == "worker":
            return asked.event
        if asked.name == "endpoint":
            return self._infer(asked)
        job_id = asked.event["jobId"]
        if asked.name == "text-to-image":
            self._end("image", asked.event["output_s3"], PNG)
        else:
            summary = VoxelSummary(
                1234,
                (10, 20, 30),
                99,
                {name: f"{job_prefix(job_id)}{name}" for name in ("build.json.gz", "preview.png")},
                {"minecraft:stone": 1000, "minecraft:dirt": 234},
            )
            self._end("voxels", f"{asked.event['output_prefix_s3']}voxels.json", summary.to_json().encode())
        return {"jobId": job_id}

    def run(self, calls: int = 200) -> None:
        """Do all that was asked for, and what is asked for then, until nothing is any more."""
        for _ in range(calls):
            if not self.boundary.asked:
                return
            event = self.act(self.boundary.asked.pop(0))
            if event is not None and self.deliver:
                self.worker(event)
        raise AssertionError(f"still asked for {self.boundary.names()}")

    def run_to_the_end(self, *job_ids: str, sweeps: int = 40) -> list[Job]:
        """Run, and sweep as the minutes go by, until the jobs have ended."""
        for _ in range(sweeps):
            self.run()
            jobs = [self.job(job_id) for job_id in job_ids]
            if all(job.state in ENDS for job in jobs):
                return jobs
            self.clock.ahead += 61
            self.sweep()
        raise AssertionError([f"{job.state} {job.step} {job.attempt}" for job in jobs])

    def put(self, location: str, body: bytes) -> None:
        bucket, key = location.removeprefix("s3://").split("/", 1)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def listed(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def _next(self, step: str) -> Outcome:
        return self.outcomes[step].popleft() if self.outcomes[step] else None

    def _end(self, step: str, location: str, body: bytes) -> None:
        outcome = self._next(step)
        if outcome is None:
            self.put(location, body)
        else:
            assert isinstance(outcome, StepFailure)
            self.put(f"{location}.failure.json", outcome.to_json().encode())

    def _infer(self, asked: Asked) -> dict[str, Any] | None:
        bucket, key = asked.event["InputLocation"].removeprefix("s3://").split("/", 1)
        document = json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        outcome = self._next("shape" if document["stage"] == "shape" else "paint")
        if outcome == "lost":
            return None
        if outcome is None:
            self.put(document["output_s3"], b"glTF" + document["stage"].encode())
            self.put(asked.output, b"{}")
            return notice(asked)
        if isinstance(outcome, Container):
            self.put(asked.failure, outcome.body())
            return notice(asked, "ClientError: Received server error (500) from model. See the logs.")
        assert isinstance(outcome, str)
        self.put(asked.failure, outcome.encode())
        return notice(asked, outcome)


def notice(asked: Asked, reason: str | None = None) -> dict[str, Any]:
    """The event with SageMaker's notice of an inference's end."""
    message: dict[str, Any] = {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed" if reason is None else "Failed",
        "requestParameters": {"endpointName": "e", "inputLocation": asked.event["InputLocation"]},
        "inferenceId": asked.event["Inference-Id"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if reason is not None:
        message["failureReason"] = reason
    return sns(message)


def sns(message: object) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


def make_world(
    s3: S3Client, bucket: str, url: str, boundary: Boundary, monkeypatch: pytest.MonkeyPatch, places: int = 1
) -> World:
    """A world on the AWS services of the environment; Lambda and the endpoint are at `url`."""
    name = f"jobs-{uuid.uuid4().hex[:8]}"
    environment = {
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
        "JOB_TABLE": name,
        "INPUT_BUCKET": bucket,
        "OUTPUT_BUCKET": bucket,
        "ASYNC_IO_BUCKET": bucket,
        "TEXT_TO_IMAGE_FUNCTION": "text-to-image",
        "GLB_TO_VOX_FUNCTION": "glb-to-vox",
        "WORKER_FUNCTION": "worker",
        "MAX_ACTIVE_JOBS": str(places),
        "PLAYER_COOLDOWN_SECONDS": "0",
        "API_TOKEN": TOKEN,
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    client = clients.dynamodb()
    create_table(client, name)
    clock = Clock()
    boundary.bucket = bucket
    table = JobTable(client, name, clock)
    return World(table, Leases(table, places), s3, bucket, boundary, clock)


def http_event(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, **extra: Any
) -> dict[str, Any]:
    """An event of an HTTP API, payload format 2.0."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    match = re.fullmatch(r"/build/(?:status/)?(?!upload|status)([^/]+)(?:/cancel)?", path)
    job_id = match[1] if match else ""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "headers": {"host": "api.test", "authorization": f"Bearer {TOKEN}", **(headers or {})},
        "requestContext": {"http": {"method": method, "path": path}, "domainName": "api.test"},
        "pathParameters": {"jobId": job_id} if job_id else None,
        "body": text,
        "isBase64Encoded": False,
        **extra,
    }


@dataclass(frozen=True)
class Reply:
    status: int
    json: Any
    headers: dict[str, str]


def post(body: object = None, path: str = "/build", method: str = "POST", **options: Any) -> Reply:
    return _reply(submit.handler(http_event(method, path, body, **options)))


def get(job_id: str, **options: Any) -> Reply:
    return _reply(status.handler(http_event("GET", f"/build/status/{job_id}", **options)))


def _reply(answer: dict[str, Any]) -> Reply:
    return Reply(answer["statusCode"], json.loads(answer["body"]), answer["headers"])


def base64_text(content: bytes) -> str:
    return base64.b64encode(content).decode()
