"""What SageMaker lays into a container before it starts, as TAR streams for the engine.

The rules of the uncompressed layouts are those of
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html. An archive is read on
its way to the engine, so that what SageMaker refuses in it is refused.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.locations import parse_location
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from meshtwin.emulator.core.locations import S3Location
    from meshtwin.emulator.sagemaker.fleet.spec import ModelData

MODEL_FOLDER = "/opt/ml/model"
METADATA_FILE = "/opt/ml/.sagemaker_infra/endpoint-metadata.json"
"""Where DJL Serving and AWS's samples look to learn that they are on SageMaker (field evidence)."""

_CHUNK = 1 << 20
_MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One object, and its path below the model's folder."""

    location: S3Location
    size: int
    path: str


def scaffold(endpoint_arn: str, *, with_model_folder: bool) -> bytes:
    """A TAR archive for `/`: the model's folder, and the file that names the endpoint."""
    buffer = io.BytesIO()
    folders = _parents(METADATA_FILE) | (_parents(f"{MODEL_FOLDER}/x") if with_model_folder else set())
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted(folders):
            archive.addfile(_folder(folder.removeprefix("/")))
        content = json.dumps({"EndpointArn": endpoint_arn}).encode()
        archive.addfile(_file(METADATA_FILE.removeprefix("/"), len(content)), io.BytesIO(content))
    return buffer.getvalue()


class ModelFiles:
    """A model's files in S3. Every method blocks.

    Raises:
        FleetFailedError: with AWS's words where S3 does not have them, or refuses
            (https://github.com/aws-samples/cvat-on-aws-china/issues/3), and where an archive cannot be
            unpacked (https://github.com/mantiumai/aws-sagemaker-gptj-deepspeed-blog/pull/5); where names can
            not be files, or `timeout` seconds have passed.
    """

    def __init__(self, s3: S3Client, data: ModelData, timeout: float, is_wanted: Callable[[], bool]) -> None:
        self._s3 = s3
        self._data = data
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._is_wanted = is_wanted

    def stream(self) -> Iterator[bytes]:
        """A TAR archive for the model's folder."""
        try:
            location = parse_location(self._data.uri, self._s3.meta.endpoint_url)
            if self._data.layout in {Layout.ARCHIVE, Layout.GZIP}:
                yield from self._archive(location)
            else:
                for file in self.listed(location):
                    yield from self._entry(file)
            yield tarfile.NUL * (2 * tarfile.BLOCKSIZE)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise FleetFailedError(
                f'Failed to download model data for container "container_1" from URL: "{self._data.uri}". '
                "Please ensure that there is an object located at the URL and that the role passed to "
                f"CreateModel has permissions to download the object. ({error})"
            ) from error

    def listed(self, location: S3Location) -> list[ModelFile]:
        """The objects of an uncompressed model, and where they go."""
        if self._data.layout is Layout.OBJECT:
            size = self._s3.head_object(Bucket=location.bucket, Key=location.key)["ContentLength"]
            name = location.key.rpartition("/")[2]
            refuse_bad_paths([name])
            return [ModelFile(location, size, name)]
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=location.bucket, Prefix=location.key
        )
        files = [
            ModelFile(type(location)(location.bucket, found["Key"]), found["Size"], path)
            for page in pages
            for found in page.get("Contents", ())
            # What the S3 console makes for a folder is an object of nothing whose name ends with a slash.
            if (path := found["Key"].removeprefix(location.key)) and not path.endswith("/")
        ]
        if not files:
            raise ValueError(f"no object begins with {location}")
        refuse_bad_paths([file.path for file in files])
        return files

    def _entry(self, file: ModelFile) -> Iterator[bytes]:
        for folder in sorted(_parents(file.path)):
            yield _folder(folder).tobuf()
        yield _file(file.path, file.size).tobuf()
        yield from self._content(file.location, file.size)
        yield _padding(file.size)

    def _archive(self, location: S3Location) -> Iterator[bytes]:
        """The archive's entries, one after the other, for an engine that takes what is put into it."""
        if self._data.layout is Layout.ARCHIVE and not location.key.endswith(".tar.gz"):
            raise ValueError("expected an object whose name ends in .tar.gz")
        content = io.BufferedReader(_Chunks(self._content(location)), _CHUNK)
        try:
            with tarfile.open(fileobj=content, mode="r|gz") as archive:
                for entry in archive:
                    if entry.issym() or entry.islnk():
                        raise self._unpackable(f"{entry.name!r} is a link, which SageMaker refuses")
                    if not (entry.isfile() or entry.isdir()) or ".." in PurePosixPath(entry.name).parts:
                        raise self._unpackable(f"{entry.name!r} is not a file or folder below {MODEL_FOLDER}")
                    yield entry.tobuf()
                    if entry.isfile():
                        yield from _read(archive, entry)
                        yield _padding(entry.size)
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise self._unpackable(str(error)) from error

    def _unpackable(self, why: str) -> FleetFailedError:
        return FleetFailedError(
            f'Failed to extract model data archive for container "container_1" from URL "{self._data.uri}". '
            f"Please ensure that the object located at the URL is a valid tar.gz archive. ({why})"
        )

    def _content(self, location: S3Location, size: int | None = None) -> Iterator[bytes]:
        """What lies there; ValueError where it has another size than it had when it was listed."""
        answer = self._s3.get_object(Bucket=location.bucket, Key=location.key)
        if size is not None and answer["ContentLength"] != size:
            raise ValueError(
                f"{location} has changed while it was downloaded: {answer['ContentLength']} bytes, not {size}"
            )
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            if not self._is_wanted():
                raise FleetFailedError("the endpoint was deleted while its model was downloaded")
            if time.monotonic() > self._deadline:
                raise FleetFailedError(
                    f"{self._data.uri} was not downloaded within the {self._timeout:g} s of "
                    "ModelDataDownloadTimeoutInSeconds"
                )
            yield chunk


class _Chunks(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # the base's
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Iterator[bytes]:
    content = archive.extractfile(entry)
    assert content is not None
    left = entry.size
    while left:
        chunk = content.read(min(_CHUNK, left))
        if not chunk:
            raise EOFError("the archive is cut off")
        left -= len(chunk)
        yield chunk


def _padding(size: int) -> bytes:
    return tarfile.NUL * (-size % tarfile.BLOCKSIZE)


def refuse_bad_paths(paths: list[str]) -> None:
    """ValueError where keys cannot be files side by side, by the rules of AWS's page."""
    for path in paths:
        for part in path.split("/"):
            if part in {"", ".", ".."} or "\0" in part or len(part.encode()) > _MAX_NAME_BYTES:
                raise ValueError(
                    f"{path!r} cannot be a file's path: {part!r} is not a valid name for a file or folder"
                )
    names = set(paths)
    for path in paths:
        if clash := _parents(path) & names:
            raise ValueError(f"{clash.pop()!r} would be a file, and the folder of {path!r}")


def _parents(path: str) -> set[str]:
    return {str(parent) for parent in PurePosixPath(path).parents if str(parent) not in {".", "/"}}


def _folder(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type = tarfile.DIRTYPE
    entry.mode = 0o755
    return entry


def _file(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    entry.mode = 0o644
    return entry
