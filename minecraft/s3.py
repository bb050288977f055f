"""Reads and writes of single objects in S3."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.minecraft.contract import ContractError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})", re.DOTALL)
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str


def location(value: str, field: str) -> Location:
    """The bucket and key of `s3://bucket/key`.

    Raises:
        ContractError: it is not an s3:// URI.
    """
    match = _LOCATION.fullmatch(value)
    if match is None:
        raise ContractError(f"{field} {value[:100]!r}: expected s3://bucket/key")
    return Location(match[1], match[2])


def is_absence(error: ClientError) -> bool:
    """Whether the error means that there is no such object."""
    return error.response.get("Error", {}).get("Code") in _ABSENT


def size_if_there(s3: S3Client, source: Location) -> int | None:
    """The object's size in bytes, or None where there is none."""
    try:
        return s3.head_object(Bucket=source.bucket, Key=source.key)["ContentLength"]
    except ClientError as error:
        if is_absence(error):
            return None
        raise


def read_if_there(s3: S3Client, source: Location, limit: int | None = None) -> bytes | None:
    """The object's bytes, at most `limit` of them, or None where there is none."""
    try:
        answer = s3.get_object(Bucket=source.bucket, Key=source.key)
    except ClientError as error:
        if is_absence(error):
            return None
        raise
    return read_body(answer["Body"], limit)


def read_body(body: StreamingBody, limit: int | None = None) -> bytes:
    """The bytes of an object's body, at most `limit` of them.

    Raises:
        BotoCoreError: there are fewer than Content-Length says. botocore checks that only where it reads the
            end itself: `with body` would read urllib3's body, which raises other errors or none.
    """
    with contextlib.closing(body):
        if limit is None:
            return body.read()
        found = b""
        while len(found) < limit and (chunk := body.read(limit - len(found))):
            found += chunk
        return found


def put_first(s3: S3Client, source: Location, body: bytes, content_type: str) -> bool:
    """Write the object unless it exists; whether this call wrote it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    try:
        s3.put_object(
            Bucket=source.bucket, Key=source.key, Body=body, ContentType=content_type, IfNoneMatch="*"
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _LOST_RACE:
            return False
        raise
    return True
