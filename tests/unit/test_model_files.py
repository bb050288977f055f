"""A model's files on their way into a container: what SageMaker refuses is refused, with the reason."""

from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.sagemaker.fleet.docker.model_files import ModelFiles
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError, Layout, ModelData

if TYPE_CHECKING:
    from collections.abc import Iterator


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        del size  # as small as it gets, so that nothing lies within one chunk
        for start in range(0, len(self._content), 7):
            yield self._content[start : start + 7]


class Objects:
    """S3, with objects whose size a list may have wrong."""

    meta = SimpleNamespace(endpoint_url="http://localhost")

    def __init__(self, objects: dict[str, bytes], listed: int | None = None) -> None:
        self._objects = objects
        self._listed = listed

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  # boto3's
        del Bucket
        content = self._objects[Key]
        return {"ContentLength": len(content), "Body": Body(content)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  # boto3's
        del Bucket
        return {"ContentLength": len(self._objects[Key]) if self._listed is None else self._listed}


def packed(*entries: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"w" * entry.size))
    return buffer.getvalue()


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, link
    return made


def streamed(objects: Objects, key: str, layout: Layout) -> bytes:
    files = ModelFiles(objects, ModelData(f"s3://b/{key}", layout), 60.0, lambda: True)  # type: ignore[arg-type]
    return b"".join(files.stream())


def test_an_archive_is_passed_on_entry_by_entry() -> None:
    long = "deep/" * 60 + "wéights.bin"
    objects = Objects({"m.tar.gz": packed(entry("code", kind=tarfile.DIRTYPE), entry(long, 1000))})
    with tarfile.open(fileobj=io.BytesIO(streamed(objects, "m.tar.gz", Layout.ARCHIVE))) as archive:
        assert archive.getnames() == ["code", long]
        content = archive.extractfile(long)
        assert content is not None
        assert content.read() == b"w" * 1000


GOOD = packed(entry("a", 100_000))


@pytest.mark.parametrize(
    ("key", "content", "layout", "words"),
    [
        ("m.tar.gz", packed(entry("a", kind=tarfile.SYMTYPE, link="/etc")), Layout.ARCHIVE, "'a' is a link"),
        ("m.tar.gz", packed(entry("a", kind=tarfile.LNKTYPE, link="b")), Layout.GZIP, "'a' is a link"),
        (
            "m.tar.gz",
            packed(entry("../../etc/x")),
            Layout.ARCHIVE,
            "'../../etc/x' is not a file or",
        ),
        ("m.tar.gz", packed(entry("a", kind=tarfile.FIFOTYPE)), Layout.ARCHIVE, "'a' is not a file or"),
        ("m.tar.gz", b"no archive", Layout.ARCHIVE, "Failed to extract model data archive"),
        ("m.tar.gz", GOOD[: len(GOOD) // 2], Layout.ARCHIVE, "Failed to extract model data archive"),
        ("m.zip", GOOD, Layout.ARCHIVE, "expected an object whose name ends in .tar.gz"),
        ("m/", b"", Layout.OBJECT, "is not a valid name for a file"),
        ("m/..", b"", Layout.OBJECT, "is not a valid name for a file"),
    ],
    ids=[
        *("symbolic link", "hard link", "outside", "pipe", "no archive", "cut off"),
        *("another suffix", "no name", "dots"),
    ],
)
def test_what_sagemaker_refuses_fails_with_the_reason(
    key: str, content: bytes, layout: Layout, words: str
) -> None:
    with pytest.raises(FleetFailedError) as caught:
        streamed(Objects({key: content}), key, layout)
    assert words in str(caught.value)


def test_an_object_that_changes_while_it_is_downloaded_fails_the_start() -> None:
    with pytest.raises(FleetFailedError, match="has changed while it was downloaded: 3 bytes, not 5"):
        streamed(Objects({"m/w": b"new"}, listed=5), "m/w", Layout.OBJECT)
