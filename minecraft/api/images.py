"""Images that players send: inside the request, or uploaded ahead of it with a presigned form."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.api.errors import ApiError, invalid
from meshtwin.minecraft.api.parse import UPLOADS, upload_key
from meshtwin.minecraft.s3 import Location, size_if_there

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_INLINE_BYTES = 700 * 1024
"""What fits into a request as Base64."""

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
_MAX_KEY_LENGTH = 100

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """An image that came inside a request."""

    content: bytes
    content_type: str


def uploaded_image(value: object) -> UploadedImage | str | None:
    """The image of `imageUpload`, or the key of an uploaded one, or None where there is none.

    Raises:
        ApiError: it is neither.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("imageUpload", value, "an image in Base64, or the key of an uploaded one")
    if len(value) <= _MAX_KEY_LENGTH and value.startswith(UPLOADS):
        key = upload_key(value)
        if key is None:
            raise invalid("imageUpload", value, "a key from POST /build/upload")
        return key
    return _inline(value)


def _inline(value: str) -> UploadedImage:
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("imageUpload", value, "an image in Base64, or the key of an uploaded one") from error
    if len(content) > MAX_INLINE_BYTES:
        message = f"the image has {len(content)} bytes, expected at most {MAX_INLINE_BYTES} inside a request"
        raise ApiError(413, "too_large", f"{message}: upload it with POST /build/upload")
    return UploadedImage(content, _kind(content))


def _kind(content: bytes) -> str:
    for start, kind in _KINDS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise ApiError(400, "invalid_request", "imageUpload is not an image: send PNG, JPEG or WebP")


def check_uploaded(s3: S3Client, bucket: str, key: str) -> None:
    """Check that the image exists.

    Raises:
        ApiError: it does not, or it is too large.
    """
    size = size_if_there(s3, Location(bucket, key))
    if size is None:
        raise ApiError(400, "picture_missing", "the image does not exist, or has expired: upload it again")
    if size > MAX_UPLOAD_BYTES:
        raise ApiError(
            413,
            "too_large",
            f"the image has {size} bytes, expected at most {MAX_UPLOAD_BYTES}: scale it down",
        )


def store(s3: S3Client, bucket: str, job_id: str, sent: UploadedImage) -> str:
    """Store an image that came inside a request; its key."""
    key = f"inputs/{job_id}/picture"
    s3.put_object(Bucket=bucket, Key=key, Body=sent.content, ContentType=sent.content_type)
    return key


def upload_form(s3: S3Client, bucket: str, seconds: int) -> dict[str, Any]:
    """A presigned form for an upload, valid for `seconds`, and the key to name the image by.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
    """
    key = f"{UPLOADS}{uuid.uuid4().hex}"
    form = s3.generate_presigned_post(
        Bucket=bucket, Key=key, Conditions=[["content-length-range", 1, MAX_UPLOAD_BYTES]], ExpiresIn=seconds
    )
    return {"key": key, **form, "maxBytes": MAX_UPLOAD_BYTES, "expiresInSeconds": seconds}
