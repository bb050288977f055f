"""What SageMaker lays into a container before it starts, as TAR streams for the engine.

The rules of the uncompressed layouts are those of
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html. An archive goes to the
engine as it is: it takes compressed ones, and unpacks them within the container's own file system.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from emulator.fleet.spec import FleetFailedError, Layout
from emulator.locations import parse_location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from emulator.fleet.spec import ModelData
    from emulator.locations import S3Location

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


def scaffold(endpoint_arn: str) -> bytes:
    """A TAR archive for `/`: the model's folder, and the file that says which endpoint this is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in _parents(f"{MODEL_FOLDER}/x") | _parents(METADATA_FILE):
            archive.addfile(_folder(folder.removeprefix("/")))
        content = json.dumps({"EndpointArn": endpoint_arn}).encode()
        archive.addfile(_file(METADATA_FILE.removeprefix("/"), len(content)), io.BytesIO(content))
    return buffer.getvalue()


class ModelFiles:
    """A model's files in S3. Every method blocks.

    Raises:
        FleetFailedError: with AWS's words where S3 does not have them, or refuses
            (https://github.com/aws-samples/cvat-on-aws-china/issues/3); where their names can not be files,
            or `timeout` seconds have passed.
    """

    def __init__(self, s3: S3Client, data: ModelData, timeout: float, is_wanted: Callable[[], bool]) -> None:
        self._s3 = s3
        self._data = data
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._is_wanted = is_wanted

    def stream(self) -> Iterator[bytes]:
        """A TAR archive for the model's folder, compressed where it lies so in S3."""
        try:
            location = parse_location(self._data.uri, self._s3.meta.endpoint_url)
            if self._data.layout is Layout.ARCHIVE:
                yield from self._content(location)
                return
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
            return [ModelFile(location, size, location.key.rpartition("/")[2])]
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
        yield from self._content(file.location)
        yield tarfile.NUL * (-file.size % tarfile.BLOCKSIZE)

    def _content(self, location: S3Location) -> Iterator[bytes]:
        body = self._s3.get_object(Bucket=location.bucket, Key=location.key)["Body"]
        for chunk in body.iter_chunks(_CHUNK):
            if not self._is_wanted():
                raise FleetFailedError("the endpoint was given up while its model was downloaded")
            if time.monotonic() > self._deadline:
                raise FleetFailedError(
                    f"{self._data.uri} was not downloaded within the {self._timeout:g} s of "
                    "ModelDataDownloadTimeoutInSeconds"
                )
            yield chunk


def refuse_bad_paths(paths: list[str]) -> None:
    """ValueError where keys can not be files side by side, by the rules of AWS's page."""
    for path in paths:
        for part in path.split("/"):
            if part in {"", ".", ".."} or "\0" in part or len(part.encode()) > _MAX_NAME_BYTES:
                raise ValueError(
                    f"{path!r} can not be a file's path: {part!r} is no name for a file or folder"
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
