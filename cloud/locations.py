"""Locations of files: `s3://bucket/key`, or a path on this machine."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from meshtwin.cloud.aws_errors import unavailable
from meshtwin.cloud.errors import CloudError, UnavailableError, UsageError
from meshtwin.cloud.files import atomic_path
from meshtwin.runtime.contract import S3_URI

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

NOT_FOUND = frozenset({"NoSuchKey", "404", "NotFound"})


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Parse `s3://bucket/key`; UsageError where it is something else."""
        match = S3_URI.fullmatch(uri)
        if match is None:
            raise UsageError(f"{uri!r}: expected s3://bucket/key, the bucket in lower case")
        return cls(match["bucket"], match["key"])

    def __str__(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


def is_s3(location: str) -> bool:
    """Whether `location` is in S3 rather than on this machine; UsageError where it is neither."""
    if location.startswith("s3://"):
        return True
    if "://" in location:
        raise UsageError(f"{location!r}: expected s3://bucket/key or a path on this machine")
    return False


def upload(s3: S3Client, path: Path, target: S3Location) -> None:
    """Put a file into S3, with its content type."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    try:
        s3.upload_file(str(path), target.bucket, target.key, {"ContentType": content_type})
    except (ClientError, S3UploadFailedError) as error:
        raise unavailable(error, f"{path} cannot be uploaded to {target}") from error


def download(s3: S3Client, source: S3Location, path: Path) -> None:
    """Download an object, atomically. CloudError where that fails: it is still in S3 then."""
    try:
        with atomic_path(path) as partial:
            s3.download_file(source.bucket, source.key, str(partial))
    except (ClientError, OSError) as error:
        raise CloudError(f"{source} cannot be downloaded to {path}: {error}") from error


def read_if_there(s3: S3Client, source: S3Location) -> bytes | None:
    """The object's bytes, or None where there is none.

    Raises:
        UnavailableError: this identity may not read. Without s3:ListBucket, AWS says so of missing keys too:
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    try:
        return s3.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in NOT_FOUND:
            return None
        if code == "AccessDenied":
            hint = "does this identity have s3:GetObject and s3:ListBucket?"
            raise UnavailableError(f"{source}: {error} ({hint})") from error
        raise
