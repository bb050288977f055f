"""Inputs read from S3, results and failures written to it."""

from __future__ import annotations

import contextlib
import math
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.locations import parse_location, parse_object
from meshtwin.emulator.sagemaker.delivery.payload import CHUNK, IN_MEMORY, Payload
from meshtwin.emulator.sagemaker.delivery.retry import (
    Patience,
    is_lost,
    is_passing,
    retry_while_unavailable,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from meshtwin.emulator.core.locations import S3Location
    from meshtwin.emulator.core.store_probe import StoreProbe
    from meshtwin.emulator.sagemaker.delivery.payload import Readable
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

MAX_INPUT_BYTES = 1024**3
"""https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html: payloads up to 1 GB."""

REQUEST_ID_TAG = "meshtwin-request-id"
"""Metadata of every object the emulator writes. With a Filename of the caller's, several requests share a
key: that an object is there says nothing, that it bears this request's id says that this request has
ended."""

REASON_TAG = "meshtwin-failure-reason"

_PART_BYTES = 64 * 1024 * 1024
"""Results beyond this go up in parts of this size."""


class InputError(Exception):
    """The input cannot be had, now or later; the message is the failure's text."""


class InputInterruptedError(Exception):
    """S3 went away while the input was read."""


class OutputError(Exception):
    """S3 will not take the object, now or later; the message is the failure's text."""


@dataclass(slots=True)
class Input:
    """What a container is sent: bytes while small, else a stream from S3."""

    content: bytes | Readable
    length: int
    content_type: str | None
    stream: StreamingBody | None = None

    def close(self) -> None:
        """Give the stream's connection up."""
        if self.stream is not None:
            self.stream.close()


@dataclass(frozen=True, slots=True)
class Found:
    """An object that a request has written earlier. `body` only where it was wanted and is small enough."""

    content_type: str
    reason: str | None
    body: bytes | None


class Objects:
    """S3, as far as a delivery needs it. All calls block.

    S3 that is away is waited for; one object that it has only errors of its own for, `patience` real seconds.
    """

    def __init__(self, s3: S3Client, probe: StoreProbe, patience: float = math.inf) -> None:
        self._s3 = s3
        self._probe = probe
        self._patience = patience
        self._last_write = -math.inf
        # Not for PutObject alone: handlers of one operation are called before those of the whole service, of
        # which botocore's own, that adds the header, is one.
        s3.meta.events.register_last("before-call.s3", _send_at_once)

    def patience(self) -> Patience:
        """With one object."""
        return Patience(self._patience)

    def open_input(self, request: AsyncRequest, patience: Patience | None = None) -> Input:
        """The request's input, inline or from S3.

        InputError where it is missing, denied, too large or given up; botocore's errors where S3 is away.
        """
        if request.body is not None:
            return Input(request.body, len(request.body), None)
        uri = request.input_location or ""
        try:
            location = parse_object(str(parse_location(uri, self._s3.meta.endpoint_url)))
            found = self._s3.get_object(Bucket=location.bucket, Key=location.key)
        except ValueError as error:
            raise InputError(f"ClientError: Unable to read the input {error}") from error
        except (ClientError, BotoCoreError) as error:
            if is_passing(error) and not self._is_over(patience, error, location.bucket):
                raise
            raise InputError(f"ClientError: Unable to download the input {uri}: {_text(error)}") from error
        length, stream = found["ContentLength"], found["Body"]
        if length > MAX_INPUT_BYTES:
            stream.close()
            raise InputError(
                f"ClientError: Unable to use the input {uri}: {length} bytes are more than {MAX_INPUT_BYTES}"
            )
        if length <= IN_MEMORY:
            with closing(stream):
                return Input(stream.read(), length, found.get("ContentType"))
        return Input(_Source(stream), length, found.get("ContentType"), stream)

    def write(
        self,
        location: str,
        payload: Payload,
        *,
        metadata: Mapping[str, str],
        kms_key_id: str | None,
        stop: threading.Event,
    ) -> None:
        """Write an object, waiting for S3 as long as it is away. OutputError where S3 refuses it."""
        try:
            target = parse_object(location)
        except ValueError as error:
            raise OutputError(f"ClientError: Unable to upload to {error}") from error
        extra: dict[str, Any] = {"Metadata": dict(metadata)}
        if payload.content_type is not None:
            extra["ContentType"] = payload.content_type
        if kms_key_id is not None:
            extra.update(ServerSideEncryption="aws:kms", SSEKMSKeyId=kms_key_id)
        while True:
            restarts = self._probe.restarts
            try:
                _Upload(self._s3, target, payload, extra, self._patient(stop)).run()
            except (ClientError, BotoCoreError) as error:
                again = partial(self._probe.restarted_since, restarts)
                if is_lost(error) and retry_while_unavailable(stop, again):
                    continue
                raise OutputError(f"ClientError: Unable to upload to {location}: {_text(error)}") from error
            self._last_write = time.monotonic()
            return

    def _patient(self, stop: threading.Event) -> Callable[[Callable[[], Any]], Any]:
        """`retry_while_unavailable` for one object, until it is given up."""
        patience = self.patience()

        def is_over(error: Exception) -> bool:
            # Nothing that only reads tells whether S3 takes objects: its disk may be full.
            return patience.is_over(error, lambda since: self._last_write > since)

        return lambda call: retry_while_unavailable(stop, call, is_over)

    def find(
        self, location: str, request_id: str, *, body_up_to: int, patience: Patience | None = None
    ) -> Found | None:
        """The object at `location` if this very request has written it. Reads at most `body_up_to` bytes.

        One that is given up counts as none.
        """
        try:
            target = parse_object(location)
            found = self._s3.get_object(Bucket=target.bucket, Key=target.key)
        except ValueError:
            return None
        except (ClientError, BotoCoreError) as error:
            if is_passing(error) and not self._is_over(patience, error, target.bucket):
                raise
            return None
        with closing(found["Body"]) as stream:
            metadata = found["Metadata"]
            if metadata.get(REQUEST_ID_TAG) != request_id:
                return None
            body = stream.read() if found["ContentLength"] <= body_up_to else None
            return Found(found["ContentType"], metadata.get(REASON_TAG), body)

    def _is_over(self, patience: Patience | None, error: Exception, bucket: str) -> bool:
        return patience is not None and patience.is_over(error, lambda _since: self._answers(bucket))

    def _answers(self, bucket: str) -> bool:
        """Whether S3 answers at all, though it be a refusal."""
        try:
            self._s3.head_bucket(Bucket=bucket)
        except (ClientError, BotoCoreError) as error:
            return not is_passing(error)
        return True


class _Upload:
    """One object on its way to S3; `attempt` makes each call, and repeats it while S3 is away."""

    def __init__(
        self,
        s3: S3Client,
        target: S3Location,
        payload: Payload,
        extra: dict[str, Any],
        attempt: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._s3 = s3
        self._object: Any = {"Bucket": target.bucket, "Key": target.key}
        self._payload = payload
        self._extra = extra
        self._attempt = attempt

    def run(self) -> None:
        """Write the object. botocore's errors where S3 refuses it."""
        if self._payload.length > _PART_BYTES and not isinstance(self._payload.content, bytes):
            self._put_in_parts(self._payload.content)
        else:
            self._attempt(self._put)

    def _put(self) -> None:
        content, length = self._payload.content, self._payload.length
        if not isinstance(content, bytes):
            content.seek(0)
        self._s3.put_object(Body=content, ContentLength=length, **self._object, **self._extra)

    def _put_in_parts(self, file: IO[bytes]) -> None:
        begun = self._attempt(partial(self._s3.create_multipart_upload, **self._object, **self._extra))
        upload = {**self._object, "UploadId": begun["UploadId"]}
        try:
            parts: list[CompletedPartTypeDef] = []
            file.seek(0)
            while part := file.read(_PART_BYTES):
                number = len(parts) + 1
                done = self._attempt(partial(self._s3.upload_part, **upload, PartNumber=number, Body=part))
                parts.append({"ETag": done["ETag"], "PartNumber": number})
            complete = self._s3.complete_multipart_upload
            self._attempt(partial(complete, **upload, MultipartUpload={"Parts": parts}))
        except BaseException:
            # Where that fails too, the error that led here is the one to report.
            with contextlib.suppress(ClientError, BotoCoreError):
                self._s3.abort_multipart_upload(**upload)
            raise


class _Source:
    """A stream from S3 whose failures are distinct from those of the container's connection."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, amount: int = CHUNK, /) -> bytes:
        try:
            return self._stream.read(amount)
        except Exception as error:
            # urllib3's and botocore's errors alike; some of them are OSErrors, as the connection's are.
            raise InputInterruptedError(str(error)) from error


def _send_at_once(params: dict[str, Any], **_: object) -> None:
    """Spare small objects `Expect: 100-continue`, whose answer botocore reads byte by byte."""
    if int(params["headers"].get("Content-Length", IN_MEMORY + 1)) <= IN_MEMORY:
        params["headers"].pop("Expect", None)


def _text(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"{detail.get('Code', 'unknown')} ({detail.get('Message', 'no message')})"
    return str(error)
