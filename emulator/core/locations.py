"""Places in S3, however they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html, LocalStack's own name, and
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration-getting-started.html
_KNOWN_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3"
    r"(?:(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?:\.cn)?"
    r"|(?:\.[a-z0-9-]+)?\.localhost\.localstack\.cloud)"
    r"|(?P<accelerated>[^.]+)\.s3-accelerate(?:\.dualstack)?\.amazonaws\.com"
)

# What S3 has ever taken, in any region: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-zA-Z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key, or a prefix of keys."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def join(self, *names: str) -> S3Location:
        """What lies under this prefix, with one slash between each two parts."""
        parts = [self.key.rstrip("/"), *(name.strip("/") for name in names)]
        return S3Location(self.bucket, "/".join(part for part in parts if part))


def parse_location(uri: str, s3_endpoint: str) -> S3Location:
    """What an `s3://` URI names, or an `https://` URL, virtual-hosted or path style, of AWS or `s3_endpoint`.

    Raises:
        ValueError: the URL is on neither.
    """
    scheme, _, rest = uri.partition("://")
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        return S3Location(bucket, key)
    url = urlsplit(uri)
    path = unquote(url.path.removeprefix("/"))
    bucket = _bucket_in_host(url, urlsplit(s3_endpoint))
    if bucket:
        return S3Location(bucket, path)
    bucket, _, key = path.partition("/")
    if not bucket:
        raise ValueError(f"{uri} names no bucket")
    return S3Location(bucket, key)


def parse_object(uri: str) -> S3Location:
    """The object that an `s3://` URI names; ValueError where it names none. Keys may hold `?` and `#`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError(f"{uri!r}: expected s3://bucket/key")
    if not is_bucket_name(bucket):
        raise ValueError(f"{uri}: {bucket!r} is not a bucket's name: expected letters, digits, '.', '-', '_'")
    return S3Location(bucket, key)


def is_bucket_name(name: str) -> bool:
    """Whether S3 may have a bucket of this name; access points' ARNs are not read here."""
    return _BUCKET.fullmatch(name) is not None


def _bucket_in_host(url: SplitResult, endpoint: SplitResult) -> str:
    """The bucket of a virtual-hosted URL, empty for one in path style."""
    if known := _KNOWN_HOST.fullmatch(url.hostname or ""):
        return known["bucket"] or known["accelerated"] or ""
    if url.netloc == endpoint.netloc:
        return ""
    bucket, dot, host = url.netloc.partition(f".{endpoint.netloc}")
    if bucket and dot and not host:
        return bucket.removesuffix(".s3")
    raise ValueError(
        f"{url.geturl()} is not in S3: expected s3://bucket/key, or a URL on amazonaws.com"
        f" or {endpoint.netloc}"
    )


def safe_extension(extension: str) -> Sequence[str]:
    """The parts of an S3OutputPathExtension, which stays below the path that it extends.

    Raises:
        ValueError: it has a part `.` or `..`, or nothing but slashes.
    """
    parts = [part for part in extension.split("/") if part]
    if not parts or any(part in {".", ".."} for part in parts):
        raise ValueError(f"'{extension}' does not lead below the output path: leave out '.' and '..'")
    return parts
