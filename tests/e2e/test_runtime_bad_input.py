"""Whatever is handed in: the contract's answer, and a server that lives and has nothing left of it."""

from __future__ import annotations

import functools
import io
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from PIL import Image, ImageDraw

from meshtwin.runtime.contract import RETRYABLE, STATUS, ErrorCode, ErrorResponse, InvocationResponse
from meshtwin.runtime.geometry.glb_write import write_glb
from meshtwin.runtime.geometry.mesh import Mesh
from meshtwin.runtime.http.requests import MAX_BODY_BYTES
from tests.support.runtime_server import Answer, RuntimeServer, aws_environment
from tests.support.s3_proxy import S3Proxy, cut_off, refuse, store_and_break

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

BUCKET = "test-runtime-bad-input"
GOOD = f"s3://{BUCKET}/good.png"
OUTPUT = f"s3://{BUCKET}/out/result.glb"
SHAPE = {"stage": "shape", "input_s3": GOOD, "output_s3": OUTPUT, "params": {"octree_resolution": 32}}
MAX_PICTURE_BYTES = 2**20


@pytest.fixture(scope="module")
def proxy(moto_url: str) -> Iterator[S3Proxy]:
    with S3Proxy(moto_url).running() as running:
        yield running


@pytest.fixture(scope="module")
def storage(moto_url: str) -> Iterator[S3Client]:
    client = boto3.client(
        "s3",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture(scope="module")
def server(
    storage: S3Client, proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RuntimeServer]:
    storage.put_object(Bucket=BUCKET, Key="good.png", Body=saved(disc()))
    settings = {
        "RUNTIME_BACKEND": "auto",
        "CUDA_VISIBLE_DEVICES": "",
        "RUNTIME_MAX_PICTURE_BYTES": MAX_PICTURE_BYTES,
    }
    folder = tmp_path_factory.mktemp("runtime")
    with RuntimeServer(folder, aws_environment(proxy.url), **settings) as running:
        yield running.ready()
        assert len(running.events("worker_started")) == 1, "the worker did not survive"


@pytest.fixture(autouse=True)
def nothing_left(server: RuntimeServer, proxy: S3Proxy, storage: S3Client) -> Iterator[None]:
    """After each test: one worker, still the first; no file, no object that the test did not make."""
    worker = server.worker.pid
    yield
    proxy.faults.clear()
    assert server.ping().status == 200
    assert server.worker.pid == worker
    assert server.leftovers() == []
    found = storage.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [each["Key"] for each in found if each["Key"].startswith("out/")] == []
    assert not [each["Key"] for each in found if each["Key"].endswith(".progress.json")]


def disc(size: int = 64) -> Image.Image:
    picture = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((size / 8, size / 8, size * 7 / 8, size * 7 / 8), fill=(200, 40, 30, 255))
    return picture


def on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB")


def saved(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def refused(answer: Answer, code: ErrorCode, *words: str, stage: str | None = "shape") -> str:
    error = ErrorResponse.model_validate_json(answer.body).error
    assert (error.code, answer.status) == (code, STATUS[code]), error.message
    assert error.retryable is (code in RETRYABLE)
    assert error.stage == stage
    assert [word for word in words if word not in error.message] == [], error.message
    assert answer.headers["content-length"] == str(len(answer.body))
    assert "transfer-encoding" not in answer.headers
    return error.message


def send(server: RuntimeServer, body: bytes, **headers: str) -> Answer:
    return server.request("POST", "/invocations", body, headers)


# The request itself


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["not JSON"]),
        (b"fox.png", ["not JSON"]),
        (b'{"stage": "shape"', ["not JSON"]),
        (b'{"stage": NaN}', ["NaN is not a JSON number"]),
        (b'{"stage": "shape", "stage": "paint"}', ["the key 'stage' is in it twice"]),
        (b'\xff\xfe{"stage"', ["not UTF-8"]),
        (b"[" * 200_000, ["nested too deeply"]),
        (b'{"input_s3": "\\ud800"}', ["not JSON"]),
    ],
)
def test_not_json(server: RuntimeServer, body: bytes, words: list[str]) -> None:
    refused(send(server, body), ErrorCode.INVALID_JSON, *words, stage=None)


@pytest.mark.parametrize("body", [b"[]", b'"shape"', b"7", b"null"])
def test_json_that_is_no_object(server: RuntimeServer, body: bytes) -> None:
    refused(send(server, body), ErrorCode.INVALID_REQUEST, "expected an object", stage=None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, ["colour: no such field", "input_s3"]),
        ({"params": {"polygons": 5}}, ["params.polygons: no such field", "target_faces"]),
        ({"input_s3": None}, ["input_s3 None"]),
        ({"params": {"steps": 101}}, ["params.steps 101", "100"]),
        ({"params": {"octree_resolution": 8}}, ["params.octree_resolution 8", "32"]),
        ({"params": {"seed": -1, "guidance_scale": 99}}, ["params.seed -1", "params.guidance_scale 99"]),
        ({"params": {"steps": "5"}}, ["params.steps '5'", "integer"]),
        ({"params": {"seed": True}}, ["params.seed True", "integer"]),
        ({"params": {"remove_background": "maybe"}}, ["params.remove_background 'maybe'", "'auto'"]),
        ({"input_s3": "https://example.com/fox.png"}, ["input_s3", "s3://bucket/key"]),
        ({"input_s3": "/etc/passwd"}, ["input_s3", "s3://bucket/key"]),
        ({"input_s3": "file:///etc/passwd"}, ["input_s3", "s3://bucket/key"]),
        ({"output_s3": "http://169.254.169.254/x.glb"}, ["output_s3", "s3://bucket/key"]),
        ({"output_s3": f"s3://{BUCKET}/out/"}, ["output_s3", "location of an object"]),
        ({"output_s3": f"s3://{BUCKET}/out/{'k' * 1010}"}, ["1024 bytes"]),
        ({"output_s3": GOOD}, ["would be overwritten"]),
        ({"shape_s3": OUTPUT}, ["stage 'shape' takes no shape_s3"]),
    ],
)
def test_fields_that_are_wrong(server: RuntimeServer, change: dict[str, Any], words: list[str]) -> None:
    refused(server.invoke({**SHAPE, **change}), ErrorCode.INVALID_REQUEST, *words)


def test_a_number_past_all_numbers(server: RuntimeServer) -> None:
    body = json.dumps({**SHAPE, "params": {"guidance_scale": 12345}}).replace("12345", "1e999").encode()
    refused(send(server, body), ErrorCode.INVALID_REQUEST, "params.guidance_scale inf")


def test_an_unknown_stage(server: RuntimeServer) -> None:
    answer = server.invoke({**SHAPE, "stage": "melt"})
    refused(answer, ErrorCode.INVALID_REQUEST, "stage 'melt'", "'shape', 'paint' or 'full'", stage="melt")


def test_missing_fields_are_all_named(server: RuntimeServer) -> None:
    refused(server.invoke({"stage": "full"}), ErrorCode.INVALID_REQUEST, "input_s3: missing", stage="full")
    answer = server.invoke({"stage": "paint", "input_s3": GOOD})
    refused(answer, ErrorCode.INVALID_REQUEST, "needs shape_s3", "needs output_s3", stage="paint")
    answer = server.invoke({"input_s3": GOOD})
    refused(answer, ErrorCode.INVALID_REQUEST, "stage: missing", stage=None)


def test_a_body_that_is_too_large(server: RuntimeServer) -> None:
    body = json.dumps({**SHAPE, "input_s3": "s" * MAX_BODY_BYTES}).encode()
    refused(send(server, body), ErrorCode.OBJECT_TOO_LARGE, f"limit is {MAX_BODY_BYTES} bytes", stage=None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/ping", 405), ("GET", "/invocations", 405), ("DELETE", "/x/../ping", 404)],
)
def test_other_paths_and_methods(server: RuntimeServer, method: str, path: str, status: int) -> None:
    answer = server.request(method, path)
    error = ErrorResponse.model_validate_json(answer.body).error
    assert (answer.status, error.code) == (status, "invalid_request")
    assert "GET /ping or POST /invocations" in error.message
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize("content_type", ["binary/octet-stream", "text/plain; charset=latin-1", ""])
def test_the_content_type_does_not_matter(
    server: RuntimeServer, storage: S3Client, content_type: str
) -> None:
    answer = send(server, json.dumps(SHAPE).encode(), **{"Content-Type": content_type})
    assert answer.status == 200
    storage.delete_object(Bucket=BUCKET, Key="out/result.glb")


# The objects it names


def test_an_object_that_is_missing(server: RuntimeServer) -> None:
    missing = f"s3://{BUCKET}/none.png"
    refused(
        server.invoke({**SHAPE, "input_s3": missing}), ErrorCode.OBJECT_NOT_FOUND, missing, "no such object"
    )


@pytest.mark.parametrize("field", ["input_s3", "output_s3"])
def test_a_bucket_that_is_missing(server: RuntimeServer, field: str) -> None:
    answer = server.invoke({**SHAPE, field: "s3://no-such-bucket-anywhere/a.glb"})
    refused(answer, ErrorCode.OBJECT_NOT_FOUND, "no-such-bucket-anywhere", "no such bucket")


@pytest.mark.documented("https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
@pytest.mark.parametrize(("method", "key"), [("GET", "good.png"), ("PUT", "result.glb")])
def test_access_denied(server: RuntimeServer, proxy: S3Proxy, method: str, key: str) -> None:
    proxy.faults[method, key] = refuse(403, "AccessDenied")
    refused(server.invoke(SHAPE), ErrorCode.ACCESS_DENIED, key, "AccessDenied")


def test_storage_that_fails_is_worth_another_try(server: RuntimeServer, proxy: S3Proxy) -> None:
    proxy.faults["GET", "good.png"] = refuse(500, "InternalError")
    refused(server.invoke(SHAPE), ErrorCode.STORAGE_UNAVAILABLE, "InternalError")
    assert proxy.seen.count(("GET", "good.png")) <= 12


def test_an_object_that_breaks_off(server: RuntimeServer, proxy: S3Proxy) -> None:
    proxy.faults["GET", "good.png"] = cut_off
    refused(server.invoke(SHAPE), ErrorCode.STORAGE_UNAVAILABLE, "good.png")


def earlier(storage: S3Client, *names: str) -> list[str]:
    """Locations at which an earlier job has left something."""
    for name in names:
        storage.put_object(Bucket=BUCKET, Key=f"kept/{name}", Body=b"an earlier result")
    return [f"s3://{BUCKET}/kept/{name}" for name in names]


def stored(storage: S3Client, name: str) -> bytes:
    return storage.get_object(Bucket=BUCKET, Key=f"kept/{name}")["Body"].read()


def test_a_failed_try_takes_nothing_away_and_says_what_it_replaced(
    server: RuntimeServer, proxy: S3Proxy, storage: S3Client
) -> None:
    shape, _ = earlier(storage, "shape.glb", "textured.glb")
    proxy.faults["PUT", "textured.glb"] = refuse(403, "AccessDenied")
    answer = server.invoke({"stage": "full", "input_s3": GOOD, "output_prefix_s3": f"s3://{BUCKET}/kept"})
    refused(answer, ErrorCode.ACCESS_DENIED, "textured.glb", stage="full")
    assert ErrorResponse.model_validate_json(answer.body).outputs == {"shape": shape}
    assert stored(storage, "shape.glb").startswith(b"glTF")
    assert stored(storage, "textured.glb") == b"an earlier result"


@pytest.mark.parametrize(("fault", "there"), [(refuse(503, "SlowDown"), b"an e"), (store_and_break, b"glTF")])
def test_an_output_that_is_not_stored_for_sure_leaves_what_is_there(
    server: RuntimeServer, proxy: S3Proxy, storage: S3Client, fault: Callable[..., None], there: bytes
) -> None:
    (output,) = earlier(storage, "result.glb")
    proxy.faults["PUT", "result.glb"] = fault
    answer = server.invoke({**SHAPE, "output_s3": output})
    refused(answer, ErrorCode.STORAGE_UNAVAILABLE, "cannot write", "result.glb")
    assert ErrorResponse.model_validate_json(answer.body).outputs == {}
    assert stored(storage, "result.glb")[:4] == there
    assert ("DELETE", "result.glb") not in proxy.seen


def test_progress_that_cannot_be_told_fails_no_job(
    server: RuntimeServer, proxy: S3Proxy, storage: S3Client
) -> None:
    proxy.faults["PUT", "result.glb.progress.json"] = refuse(403, "AccessDenied")
    assert server.invoke(SHAPE).status == 200
    assert server.events("progress_not_written")
    storage.delete_object(Bucket=BUCKET, Key="out/result.glb")


# Pictures

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def png_that_claims(width: int, height: int) -> bytes:
    """Few bytes that would become `width` x `height` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG_HEAD + header + chunk(b"IDAT", zlib.compress(bytes(4096))) + chunk(b"IEND", b"")


BAD_PICTURES: dict[str, tuple[Callable[[], bytes], ErrorCode, str]] = {
    "empty": (lambda: b"", ErrorCode.INVALID_IMAGE, ""),
    "text": (lambda: b"This is no picture. " * 50, ErrorCode.INVALID_IMAGE, "PNG, JPEG or WebP"),
    "gif": (lambda: saved(disc().convert("P"), "GIF"), ErrorCode.INVALID_IMAGE, "PNG, JPEG or WebP"),
    "head only": (lambda: PNG_HEAD, ErrorCode.INVALID_IMAGE, ""),
    "truncated png": (lambda: saved(disc())[:-200], ErrorCode.INVALID_IMAGE, ""),
    "truncated jpeg": (
        lambda: saved(on_white(disc(256)), "JPEG")[:1500],
        ErrorCode.INVALID_IMAGE,
        "",
    ),
    "bomb": (lambda: png_that_claims(60_000, 60_000), ErrorCode.IMAGE_TOO_LARGE, "64000000"),
    "one pixel": (
        lambda: saved(Image.new("RGBA", (1, 1), (255, 0, 0, 255))),
        ErrorCode.INVALID_IMAGE,
        "1 x 1",
    ),
    "too many bytes": (
        lambda: bytes(MAX_PICTURE_BYTES + 1),
        ErrorCode.OBJECT_TOO_LARGE,
        f"limit is {MAX_PICTURE_BYTES} bytes",
    ),
    "transparent": (
        lambda: saved(Image.new("RGBA", (64, 64), (255, 0, 0, 0))),
        ErrorCode.EMPTY_SUBJECT,
        "transparent",
    ),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_pictures_that_are_none(server: RuntimeServer, storage: S3Client, name: str) -> None:
    make, code, words = BAD_PICTURES[name]
    storage.put_object(Bucket=BUCKET, Key="bad", Body=make())
    refused(server.invoke({**SHAPE, "input_s3": f"s3://{BUCKET}/bad"}), code, words)


def sixteen_bit() -> bytes:
    grey = np.asarray(on_white(disc()).convert("L")).astype(np.uint16) * 257
    return saved(Image.fromarray(grey))


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(on_white(disc()), "JPEG", exif=exif)


GOOD_PICTURES: dict[str, Callable[[], bytes]] = {
    "palette": lambda: saved(on_white(disc()).quantize(16)),
    "palette with a transparent colour": lambda: saved(disc().quantize(16)),
    "16 bit": sixteen_bit,
    "cmyk": lambda: saved(on_white(disc()).convert("CMYK"), "JPEG"),
    "exif": turned,
    "grey": lambda: saved(on_white(disc()).convert("L")),
    "webp": lambda: saved(disc(), "WEBP"),
}


@pytest.mark.parametrize("name", GOOD_PICTURES)
def test_odd_pictures_that_are_some(server: RuntimeServer, storage: S3Client, name: str) -> None:
    storage.put_object(Bucket=BUCKET, Key="odd", Body=GOOD_PICTURES[name]())
    answer = server.invoke({**SHAPE, "input_s3": f"s3://{BUCKET}/odd"})
    assert answer.status == 200, answer.body
    metrics = InvocationResponse.model_validate_json(answer.body).metrics
    assert metrics.watertight is True
    assert metrics.subject != "whole_picture"
    storage.delete_object(Bucket=BUCKET, Key="out/result.glb")


# Meshes

PAINT = {
    "stage": "paint",
    "input_s3": GOOD,
    "shape_s3": f"s3://{BUCKET}/mesh.glb",
    "output_s3": OUTPUT,
    "params": {"texture_size": 256},
}


def without_triangles() -> bytes:
    """A GLB with a scene and a node, and nothing in them."""
    document = b'{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{}]}  '
    document += b" " * (-len(document) % 4)
    total = 12 + 8 + len(document)
    return struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(document), b"JSON") + document


def with_a_long_name() -> bytes:
    """A GLB whose one primitive has an attribute with a megabyte of a name."""
    primitive = b'{"attributes":{"%b":-1}}' % (b"A" * 2**20)
    document = b'{"asset":{"version":"2.0"},"meshes":[{"primitives":[%b]}]}' % primitive
    document += b" " * (-len(document) % 4)
    total = 12 + 8 + len(document)
    return struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(document), b"JSON") + document


@functools.cache
def two_million_faces() -> bytes:
    """A flat grid of 1000 x 1000 squares: some 36 MB."""
    side = np.arange(1001, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size, np.float32)], axis=1)
    corner = (np.arange(1000)[:, None] * 1001 + np.arange(1000)).ravel()
    lower = np.stack([corner, corner + 1, corner + 1001], axis=1)
    upper = np.stack([corner + 1, corner + 1002, corner + 1001], axis=1)
    return write_glb(Mesh(vertices, np.concatenate([lower, upper]).astype(np.int32)))


BAD_MESHES: dict[str, tuple[Callable[[], bytes], ErrorCode, str]] = {
    "empty": (lambda: b"", ErrorCode.INVALID_MESH, ""),
    "a picture": (lambda: saved(disc()), ErrorCode.INVALID_MESH, ""),
    "cut off": (lambda: without_triangles()[:-10], ErrorCode.INVALID_MESH, ""),
    "no triangles": (without_triangles, ErrorCode.INVALID_MESH, "no triangles"),
    "a long name": (with_a_long_name, ErrorCode.INVALID_MESH, ""),
    "two million faces": (two_million_faces, ErrorCode.MESH_TOO_LARGE, "1000000"),
}


@pytest.mark.parametrize("name", BAD_MESHES)
def test_meshes_that_are_none(server: RuntimeServer, storage: S3Client, name: str) -> None:
    make, code, words = BAD_MESHES[name]
    storage.put_object(Bucket=BUCKET, Key="mesh.glb", Body=make())
    refused(server.invoke(PAINT), code, words, stage="paint")


# And after all that


def test_the_server_still_does_its_work(server: RuntimeServer, storage: S3Client) -> None:
    full = {"stage": "full", "input_s3": GOOD, "output_prefix_s3": f"s3://{BUCKET}/kept/"}
    made = InvocationResponse.model_validate_json(server.invoke(full).body)
    assert made.outputs["shape"] == f"s3://{BUCKET}/kept/shape.glb"
    painted = server.invoke(
        {**PAINT, "shape_s3": made.outputs["shape"], "output_s3": f"s3://{BUCKET}/kept/a.glb"}
    )
    metrics = InvocationResponse.model_validate_json(painted.body).metrics
    assert (metrics.backend, metrics.device, metrics.seed, metrics.peak_vram_bytes) == (
        "relief",
        "cpu",
        0,
        None,
    )
    for key in ("kept/shape.glb", "kept/textured.glb", "kept/a.glb"):
        head = storage.get_object(Bucket=BUCKET, Key=key)
        assert head["ContentType"] == "model/gltf-binary"
        assert head["Body"].read(4) == b"glTF"
