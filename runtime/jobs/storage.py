"""Objects from and to S3, with every failure as one of the contract's errors.

All calls block: they are made from threads. Endpoint, region and credentials come from the environment
(`AWS_ENDPOINT_URL`, `AWS_REGION`, ...), as for every AWS SDK.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.settings import SettingsError
from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


GLB_TYPE = "model/gltf-binary"
"""https://www.iana.org/assignments/media-types/model/gltf-binary"""

_CHUNK_BYTES = 256 * 1024
_DOWNLOAD_ATTEMPTS = 3

_COMMON = Config(
    # boto3 adds checksums that not every S3-compatible store keeps; AWS does not need them.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    max_pool_connections=8,
)
_TRANSFERS = _COMMON.merge(
    Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
)
_PROGRESS_WRITES = _COMMON.merge(
    Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
)

_ABSENT = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
}


class Storage:
    """S3, as one job needs it; safe to use from many threads.

    Raises:
        SettingsError: where the environment's AWS settings are invalid.
    """

    def __init__(self) -> None:
        try:
            session = boto3.session.Session()
            # A region is needed to sign, and S3 redirects to the bucket's own.
            region = session.region_name or "us-east-1"
            self._s3 = refuse_cut_answers(session.client("s3", region, config=_TRANSFERS))
            self._progress_writes = refuse_cut_answers(session.client("s3", region, config=_PROGRESS_WRITES))
        except (ValueError, BotoCoreError) as error:
            raise SettingsError(f"the environment's AWS_ settings give no S3 client: {error}") from error

    def download(self, location: str, path: Path, limit: int, check: Callable[[], None]) -> None:
        """Copy the object into a file; `check` is called between chunks and may raise to end it.

        Raises:
            JobError: OBJECT_NOT_FOUND, ACCESS_DENIED, OBJECT_TOO_LARGE (more than `limit` bytes) or
                STORAGE_UNAVAILABLE.
        """
        for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
            try:
                self._download_once(location, path, limit, check)
            except BotoCoreError as error:
                # The connection broke half-way, which botocore does not retry.
                if attempt == _DOWNLOAD_ATTEMPTS or isinstance(error, NoCredentialsError):
                    _refuse(location, "read", error)
            else:
                return

    def _download_once(self, location: str, path: Path, limit: int, check: Callable[[], None]) -> None:
        bucket, key = split(location)
        try:
            answer = self._s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            _refuse(location, "read", error)
        with contextlib.closing(answer["Body"]) as body, path.open("wb") as file:
            size = answer["ContentLength"]
            if size > limit:
                raise _too_large(location, f"{size} bytes", limit)
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                check()
                file.write(chunk)
                if file.tell() > limit:
                    raise _too_large(location, f"more than {limit} bytes", limit)

    def upload(self, path: Path, location: str) -> None:
        """Store the file as a GLB, atomically: S3 shows no object before its last byte.

        Raises:
            JobError: OBJECT_NOT_FOUND (no such bucket), ACCESS_DENIED or STORAGE_UNAVAILABLE.
        """
        bucket, key = split(location)
        try:
            with path.open("rb") as file:
                self._s3.put_object(Bucket=bucket, Key=key, Body=file, ContentType=GLB_TYPE)
        except (BotoCoreError, ClientError) as error:
            _refuse(location, "write", error)

    def put_progress(self, location: str, body: bytes) -> None:
        """Store a progress object, with short timeouts. Raises what boto3 raises."""
        bucket, key = split(location)
        self._progress_writes.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")

    def delete_progress(self, location: str) -> None:
        """Delete a progress object if it exists, with short timeouts. Raises what boto3 raises."""
        bucket, key = split(location)
        self._progress_writes.delete_object(Bucket=bucket, Key=key)

    def close(self) -> None:
        """Close the connections."""
        self._s3.close()
        self._progress_writes.close()


def split(location: str) -> tuple[str, str]:
    """Bucket and key of an `s3://bucket/key` that the contract has validated."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def _too_large(location: str, size: str, limit: int) -> JobError:
    return JobError(ErrorCode.OBJECT_TOO_LARGE, f"{location} has {size}: the limit is {limit} bytes")


def _refuse(location: str, verb: str, error: Exception) -> NoReturn:
    code, reason = _explain(error)
    raise JobError(code, f"cannot {verb} {location}: {reason}") from error


def _explain(error: Exception) -> tuple[ErrorCode, str]:
    if isinstance(error, ClientError):
        return _explain_answer(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ErrorCode.STORAGE_UNAVAILABLE, "the container has no AWS credentials"
    return ErrorCode.STORAGE_UNAVAILABLE, f"S3 does not answer as it should ({error})"


def _explain_answer(error: ClientError) -> tuple[ErrorCode, str]:
    details = error.response.get("Error", {})
    name = str(details.get("Code", ""))
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if name in _ABSENT:
        return ErrorCode.OBJECT_NOT_FOUND, _ABSENT[name]
    message = f"S3 says {name or status}: {details.get('Message', '')}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        # S3 answers so for an absent object too, to those who may not list the bucket.
        return ErrorCode.ACCESS_DENIED, message
    caller_can_fix = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if caller_can_fix and status != HTTPStatus.TOO_MANY_REQUESTS:
        return ErrorCode.INVALID_REQUEST, message
    return ErrorCode.STORAGE_UNAVAILABLE, message
