"""The voxel step against real servers: moto's S3, and an API that takes calls of functions."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from meshtwin.gltf.colored import write_colored_glb
from meshtwin.minecraft.contract import ContractError, VoxelSummary
from meshtwin.minecraft.lambdas import glb_to_vox
from meshtwin.minecraft.voxel.export.document import read_document
from tests.support.build_page import placed
from tests.support.builds import read_schem
from tests.support.called import Functions, functions_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

PREFIX = "jobs/0123456789ab/"
SUMMARY = f"{PREFIX}voxels.json"
FAILURE = f"{SUMMARY}.failure.json"
MODEL = f"{PREFIX}textured.glb"


def pyramid() -> bytes:
    """Red, closed, as wide as it is high."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1], [0.5, 1, 0.5]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]], np.int32)
    return write_colored_glb(positions, faces, np.tile(np.array([0.6, 0.01, 0.01, 1], np.float32), (5, 1)))


@pytest.fixture(autouse=True)
def environment(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws, "S3 is the profile's"
    monkeypatch.delenv("WORKER_FUNCTION", raising=False)


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    with functions_api() as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        monkeypatch.setenv("WORKER_FUNCTION", "build-worker")
        yield api


def put(s3: S3Client, bucket: str, data: bytes) -> None:
    s3.put_object(Bucket=bucket, Key=MODEL, Body=data)


def run(bucket: str, **changes: Any) -> str:
    event = {
        "jobId": "0123456789ab",
        "glb_s3": f"s3://{bucket}/{MODEL}",
        "output_prefix_s3": f"s3://{bucket}/{PREFIX}",
        "size": 8,
        **changes,
    }
    answer = glb_to_vox.handler(event)
    assert answer["jobId"] == "0123456789ab"
    return str(answer["outcome"])


def stored(s3: S3Client, bucket: str, key: str) -> bytes:
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read()


def objects(s3: S3Client, bucket: str) -> dict[str, bytes]:
    """All of the job's, less the model, by the name in its folder."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key.removeprefix(PREFIX): stored(s3, bucket, key) for key in keys if key != MODEL}


def summary(s3: S3Client, bucket: str) -> VoxelSummary:
    return VoxelSummary.from_json(stored(s3, bucket, SUMMARY))


def failure(s3: S3Client, bucket: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored(s3, bucket, FAILURE))
    assert found.keys() == {"code", "message", "retryable"}
    return found


def test_a_model_becomes_every_file_of_a_build(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket) == "built"
    told, made = summary(s3, bucket), objects(s3, bucket)
    assert set(told.artefacts) | {"voxels.json"} == set(made)
    assert set(told.artefacts.values()) == {f"{PREFIX}{name}" for name in told.artefacts}
    assert max(told.size) == 8
    assert told.blocks == sum(told.materials.values())
    assert told.notes == []
    assert read_schem(made["build.schem"]).size == told.size
    document = read_document(made["build.json.gz"])
    assert (document.size, document.job_id) == (told.size, "0123456789ab")
    blocks = placed(made["build.json.gz"])
    assert Counter(state.partition("[")[0] for state in blocks.values()) == told.materials
    assert len(blocks) == told.blocks
    with Image.open(io.BytesIO(made["preview.png"])) as picture:
        assert picture.format == "PNG"
    types: dict[str, tuple[str, str | None]] = {
        name: (found["ContentType"], found.get("ContentEncoding"))
        for name in made
        for found in [s3.head_object(Bucket=bucket, Key=f"{PREFIX}{name}")]
    }
    commands, packs = (
        {name for name in types if name.startswith(word)} for word in ("commands/", "datapack")
    )
    assert {types.pop(name) for name in commands} == {("text/plain; charset=utf-8", None)}
    assert {types.pop(name) for name in packs} == {("application/zip", None)}
    assert types == {
        "build.json.gz": ("application/json", "gzip"),
        "voxels.json": ("application/json", None),
        "materials.csv": ("text/csv; charset=utf-8", None),
        "preview.png": ("image/png", None),
        "preview.glb": ("model/gltf-binary", None),
        "structures.zip": ("application/zip", None),
        "build.schem": ("application/octet-stream", None),
        "build.v3.schem": ("application/octet-stream", None),
        "build.litematic": ("application/octet-stream", None),
        "model.vox": ("application/octet-stream", None),
    }


def test_the_document_is_for_the_anchor_and_dimension(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket, anchor={"x": -30, "y": 70, "z": 9}, dimension="minecraft:the_nether") == "built"
    document = read_document(objects(s3, bucket)["build.json.gz"])
    width, _, depth = document.size
    assert document.origin == (-30 - (width - 1) // 2, 71, 9 - (depth - 1) // 2)
    assert document.dimension == "minecraft:the_nether"


def test_a_second_call_keeps_what_is_there(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket) == "built"
    first = objects(s3, bucket)
    assert run(bucket) == "kept"
    assert objects(s3, bucket) == first


def test_a_call_that_was_killed_before_the_summary_is_made_good(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket) == "built"
    first = objects(s3, bucket)
    s3.delete_object(Bucket=bucket, Key=SUMMARY)
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}build.schem", Body=b"half")
    assert run(bucket) == "built"
    assert objects(s3, bucket) == first


def test_a_model_that_is_gone_is_told_in_words(s3: S3Client, bucket: str) -> None:
    assert run(bucket) == "object_not_found"
    told = failure(s3, bucket)
    assert told["message"] == "The model of this build is gone. Try again."
    assert not told["retryable"]
    assert set(objects(s3, bucket)) == {"voxels.json.failure.json"}


@pytest.mark.parametrize("data", [b"", b"glTF", b"\x89PNG\r\n\x1a\n" + b"x" * 40, pyramid()[:200]])
def test_a_damaged_model_is_told_in_words(s3: S3Client, bucket: str, data: bytes) -> None:
    put(s3, bucket, data)
    assert run(bucket) == "voxels_failed"
    told = failure(s3, bucket)
    assert told["message"].startswith("The model cannot be built from blocks: ")
    assert not told["retryable"]
    assert "Traceback" not in told["message"]
    assert "/tmp" not in told["message"]  # noqa: S108  # of its own folder a player is to hear nothing


def test_a_model_of_more_bytes_than_fit_is_told(
    s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glb_to_vox, "MAX_MODEL_BYTES", 100)
    put(s3, bucket, pyramid())
    assert run(bucket) == "mesh_too_large"
    assert "Try a simpler object" in failure(s3, bucket)["message"]


def test_a_failure_is_forgotten_once_it_is_built(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, b"no model")
    assert run(bucket) == "voxels_failed"
    put(s3, bucket, pyramid())
    assert run(bucket) == "built"
    assert "voxels.json.failure.json" not in objects(s3, bucket)


def test_a_place_without_room_gives_a_note_and_no_commands(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket, anchor={"x": 0, "y": 319, "z": 0}) == "built"
    told = summary(s3, bucket)
    assert len(told.notes) == 1
    assert told.notes[0].startswith("There are no commands for this location: ")
    assert not [name for name in told.artefacts if name.startswith(("commands/", "datapack"))]
    assert {"build.schem", "build.json.gz", "preview.png"} <= set(told.artefacts)


@pytest.mark.parametrize(
    ("changes", "code", "value"),
    [
        ({"size": 7}, "bad_task", "size"),
        ({"palette": "velvet"}, "bad_task", "velvet"),
        ({"palette": ["minecraft:no_such_block"]}, "voxels_failed", "no_such_block"),
        ({"version": "0.1"}, "bad_task", "0.1"),
    ],
)
def test_what_cannot_be_is_told_with_its_value(
    s3: S3Client, bucket: str, changes: dict[str, Any], code: str, value: str
) -> None:
    put(s3, bucket, pyramid())
    assert run(bucket, **changes) == code
    assert value in failure(s3, bucket)["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"size": "huge"},
        {"glb_s3": "no location"},
        {"order": ["up"]},
        {"kinds": "x"},
        {"palette": [5]},
        {"anchor": {"x": "a", "y": 1, "z": 2}},
        {"dimension": "The End"},
        {"min_part": "much"},
        {"colour": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_event_that_is_none_is_a_failure_in_words(
    s3: S3Client, bucket: str, changes: dict[str, Any]
) -> None:
    assert run(bucket, **changes) == "bad_task"
    assert next(iter(changes)) in failure(s3, bucket)["message"]
    assert not failure(s3, bucket)["retryable"]


@pytest.mark.parametrize("changes", [{"output_prefix_s3": "s3://bucket/x"}, {"jobId": 5}])
def test_an_event_that_does_not_say_where_to_write_is_an_error(bucket: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match=next(iter(changes))):
        run(bucket, **changes)


def test_a_bucket_that_is_not_there_is_lambdas_to_try_again() -> None:
    with pytest.raises(ClientError):
        run("no-such-bucket-of-ours")


def test_the_worker_is_called_however_it_ended(s3: S3Client, bucket: str, functions: Functions) -> None:
    assert run(bucket) == "object_not_found"
    put(s3, bucket, pyramid())
    assert [run(bucket), run(bucket)] == ["built", "kept"]
    path = "/2015-03-31/functions/build-worker/invocations"
    assert functions.calls == [(path, "Event", b'{"jobId": "0123456789ab"}')] * 3
