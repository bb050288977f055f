"""Pictures that players send: with the request, or ahead of it to a place that is signed for them."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.api.errors import ApiError, invalid
from meshtwin.minecraft.api.parse import UPLOADS, upload_key
from meshtwin.minecraft.objects import Location, size_if_there

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_INLINE_BYTES = 700 * 1024
"""What fits into a request in Base64."""

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
_LONGEST_KEY = 100

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that came with a request."""

    content: bytes
    content_type: str


def picture(value: object) -> Picture | str | None:
    """The picture of `imageUpload`, or the key of one that was sent ahead, or None where there is none.

    Raises:
        ApiError: it is neither.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("imageUpload", value, "a picture in Base64, or the key of one sent ahead")
    if len(value) <= _LONGEST_KEY and value.startswith(UPLOADS):
        key = upload_key(value)
        if key is None:
            raise invalid("imageUpload", value, "a key that POST /build/upload gave")
        return key
    return _inline(value)


def _inline(value: str) -> Picture:
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("imageUpload", value, "a picture in Base64, or the key of one sent ahead") from error
    if len(content) > MAX_INLINE_BYTES:
        words = f"the picture has {len(content)} bytes, and {MAX_INLINE_BYTES} are taken with a request"
        raise ApiError(413, "too_large", f"{words}: send it ahead, with POST /build/upload")
    return Picture(content, _kind(content))


def _kind(content: bytes) -> str:
    for start, kind in _KINDS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise ApiError(400, "invalid_request", "imageUpload is no picture: send PNG, JPEG or WebP")


def check_sent_ahead(s3: S3Client, bucket: str, key: str) -> None:
    """Pass where the picture is there.

    Raises:
        ApiError: it is not, or it is too large.
    """
    size = size_if_there(s3, Location(bucket, key))
    if size is None:
        raise ApiError(400, "picture_missing", "the picture is not there (any more): send it again")
    if size > MAX_UPLOAD_BYTES:
        raise ApiError(413, "too_large", f"the picture has more than {MAX_UPLOAD_BYTES} bytes: shrink it")


def store(s3: S3Client, bucket: str, job_id: str, sent: Picture) -> str:
    """Keep a picture that came with a request; its key."""
    key = f"inputs/{job_id}/picture"
    s3.put_object(Bucket=bucket, Key=key, Body=sent.content, ContentType=sent.content_type)
    return key


def upload_form(s3: S3Client, bucket: str, seconds: int) -> dict[str, Any]:
    """Where to send a picture ahead: a form that S3 takes for `seconds`, and the key to name it by then.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
    """
    key = f"{UPLOADS}{uuid.uuid4().hex}"
    form = s3.generate_presigned_post(
        Bucket=bucket,
        Key=key,
        Conditions=[["content-length-range", 1, MAX_UPLOAD_BYTES]],
        ExpiresIn=seconds,
    )
    return {"key": key, **form, "maxBytes": MAX_UPLOAD_BYTES, "expiresInSeconds": seconds}
