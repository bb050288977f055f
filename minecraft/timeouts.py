"""All timeouts of the flow, in one place: client < function < worker's deadline for a step.

A client has to time out before its function is killed, a function has to end (or its failure be known) before
the step's deadline, and a worker has to end before its lease expires. Then no work is started, and paid for,
twice at the same time. A test holds all of them to that.
"""

from __future__ import annotations

from typing import NamedTuple

from botocore.config import Config


class ClientTimeout(NamedTuple):
    """A client's limits: seconds to connect, seconds between bytes of an answer, and how often it tries."""

    connect: int
    read: int
    attempts: int

    @property
    def longest(self) -> float:
        """Seconds that a call may take at most.

        Before attempt n botocore's standard mode pauses for less than 2^(n-2) seconds, at most 20:
        https://docs.aws.amazon.com/boto3/latest/guide/retries.html
        """
        pauses = sum(min(20.0, 2.0**number) for number in range(self.attempts - 1))
        return self.attempts * (self.connect + self.read) + pauses

    def config(self) -> Config:
        """As boto3 takes it."""
        return Config(
            connect_timeout=self.connect,
            read_timeout=self.read,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )


AWS = ClientTimeout(connect=2, read=6, attempts=3)
"""S3, DynamoDB, Lambda, SageMaker and SSM."""

MODEL = ClientTimeout(connect=5, read=60, attempts=2)
"""An image model on Bedrock. An image takes two calls where its background is removed there, too."""

MODEL_CALLS = 2

API_SECONDS = 29
"""Timeout of the functions behind the HTTP API, which waits for 30 s:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

WORKER_SECONDS = 60
LEASE_SECONDS = 120

IMAGE_SECONDS = 300
VOXEL_SECONDS = 300
"""Timeouts of the step functions."""

EVENT_AGE_SECONDS = 60
"""How long an event may wait for a step function before it fails: the least that Lambda takes."""

STEP_SECONDS = 420
"""The worker's deadline for a function's step, should neither its result nor its failure arrive."""
