"""The container's contract as data: what fits it, what does not, and what it promises of itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meshtwin.runtime.contract import (
    MAX_MESSAGE,
    MAX_SEED,
    RETRYABLE,
    STATUS,
    ErrorBody,
    ErrorCode,
    InvocationRequest,
    InvocationResponse,
    JobError,
    Metrics,
    Params,
    Progress,
    Stage,
)

PICTURE = "s3://images/inputs/fox.png"
GLB = "s3://pipeline/jobs/1/shape.glb"
OUT = "s3://pipeline/jobs/1/textured.glb"
PREFIX = "s3://pipeline/jobs/1/"

GOOD: dict[str, dict[str, Any]] = {
    "shape": {"stage": "shape", "input_s3": PICTURE, "output_s3": GLB},
    "paint": {"stage": "paint", "input_s3": PICTURE, "shape_s3": GLB, "output_s3": OUT},
    "full": {"stage": "full", "input_s3": PICTURE, "output_prefix_s3": PREFIX},
}


@pytest.mark.parametrize("stage", GOOD)
def test_a_request_survives_json(stage: str) -> None:
    request = InvocationRequest.model_validate(GOOD[stage])
    assert InvocationRequest.model_validate_json(request.model_dump_json()) == request
    assert request.params == Params()


@pytest.mark.parametrize(
    ("stage", "outputs", "progress"),
    [
        ("shape", {"shape": GLB}, f"{GLB}.progress.json"),
        ("paint", {"textured": OUT}, f"{OUT}.progress.json"),
        ("full", {"shape": GLB, "textured": OUT}, f"{OUT}.progress.json"),
    ],
)
def test_where_results_go(stage: str, outputs: dict[str, str], progress: str) -> None:
    request = InvocationRequest.model_validate(GOOD[stage])
    assert request.outputs() == outputs
    assert request.progress_location() == progress


@pytest.mark.parametrize(
    "prefix", ["s3://pipeline/", "s3://pipeline/a", "s3://pipeline/a/", "s3://pipeline/a//"]
)
def test_a_prefix_needs_no_slash_at_its_end(prefix: str) -> None:
    request = InvocationRequest.model_validate({**GOOD["full"], "output_prefix_s3": prefix})
    assert request.outputs()["shape"] == f"{prefix.rstrip('/')}/shape.glb"


@pytest.mark.parametrize("stage", GOOD)
def test_each_stage_needs_its_own_locations_and_takes_no_other(stage: str) -> None:
    locations = {"shape_s3": GLB, "output_s3": OUT, "output_prefix_s3": PREFIX}
    for name, location in locations.items():
        changed = {key: value for key, value in GOOD[stage].items() if key != name}
        if name not in GOOD[stage]:
            changed[name] = location
        with pytest.raises(ValidationError, match=f"stage '{stage}' (needs|takes no) {name}"):
            InvocationRequest.model_validate(changed)


@pytest.mark.documented("https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html")
@pytest.mark.parametrize(
    "location",
    [
        "",
        "fox.png",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/folder/",
        "s3://ab/key",
        "s3://Bucket/key",
        "s3://-bucket/key",
        "s3://bucket-/key",
        "s3://bucket_name/key",
        f"s3://{'b' * 64}/key",
        f"s3://bucket/{'k' * 1025}",
        f"s3://bucket/{'é' * 513}",
        "S3://bucket/key",
        " s3://bucket/key",
        "https://bucket.s3.amazonaws.com/key",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_location_of_an_object(location: str) -> None:
    with pytest.raises(ValidationError) as refused:
        InvocationRequest.model_validate({**GOOD["shape"], "input_s3": location})
    assert [problem["loc"] for problem in refused.value.errors()] == [("input_s3",)]


@pytest.mark.documented("https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html")
@pytest.mark.parametrize(
    "key", ["a", "a//b", "/a", "..", " a ", "a\nb", "\0", "a?b#c%20&d", "ü/дом/🐉", "k" * 1024, "é" * 512]
)
def test_any_key_that_s3_takes_is_taken_and_kept(key: str) -> None:
    location = f"s3://bucket/{key}"
    request = InvocationRequest.model_validate({**GOOD["shape"], "input_s3": location})
    assert request.input_s3 == location


def test_outputs_never_land_on_inputs() -> None:
    for name, location in [("input_s3", OUT), ("shape_s3", OUT), ("input_s3", f"{OUT}.progress.json")]:
        with pytest.raises(ValidationError, match=f"{name} .* would be overwritten"):
            InvocationRequest.model_validate({**GOOD["paint"], name: location})
    with pytest.raises(ValidationError, match="would be overwritten"):
        InvocationRequest.model_validate({**GOOD["full"], "input_s3": GLB})


def test_outputs_that_s3_could_not_name_are_refused() -> None:
    long = f"s3://pipeline/{'k' * 1011}"
    with pytest.raises(ValidationError, match="1024 bytes"):
        InvocationRequest.model_validate({**GOOD["shape"], "output_s3": long})
    with pytest.raises(ValidationError, match="1024 bytes"):
        InvocationRequest.model_validate({**GOOD["full"], "output_prefix_s3": long})


RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, MAX_SEED),
    "steps": (1, 100),
    "guidance_scale": (0, 20),
    "octree_resolution": (32, 512),
    "target_faces": (500, 1_000_000),
    "texture_size": (256, 4096),
}


@pytest.mark.parametrize("name", RANGES)
def test_params_have_ranges_and_their_ends_are_in(name: str) -> None:
    least, most = RANGES[name]
    for value in (least, most, None):
        assert getattr(Params.model_validate({name: value}), name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError, match=name):
            Params.model_validate({name: value})


def test_unknown_fields_are_refused_at_every_level() -> None:
    with pytest.raises(ValidationError, match="colour"):
        InvocationRequest.model_validate({**GOOD["shape"], "colour": "red"})
    with pytest.raises(ValidationError, match="colour"):
        InvocationRequest.model_validate({**GOOD["shape"], "params": {"colour": "red"}})


def test_every_error_has_a_status_and_only_its_own_kind() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert set(STATUS.values()) == {400, 413, 500, 503, 507}
    assert not {code for code in RETRYABLE if STATUS[code] in {400, 413}}


@pytest.mark.parametrize("text", ["why", "k" * 2**21, "\ud800" * 2**20, "ü" * 999])
def test_a_message_is_short_and_can_be_sent_whatever_it_is_about(text: str) -> None:
    for message in (
        str(JobError(ErrorCode.INVALID_MESH, text)),
        ErrorBody(code=ErrorCode.INVALID_MESH, message=text, retryable=False).message,
    ):
        assert message.encode()
        assert len(message) <= MAX_MESSAGE + len("...")
        assert len(text) > MAX_MESSAGE or message == text


def test_a_response_says_success_and_keeps_the_order_of_steps() -> None:
    metrics = Metrics(
        vertices=4,
        faces=4,
        watertight=True,
        seconds={"download": 0.1, "upload": 0.2, "decode": 0.3},
        seed=0,
        backend="relief",
        device="cpu",
        subject="alpha",
    )
    response = InvocationResponse(stage=Stage.SHAPE, outputs={"shape": GLB}, metrics=metrics)
    read = InvocationResponse.model_validate_json(response.model_dump_json())
    assert read.status == "success"
    assert list(read.metrics.seconds) == ["download", "upload", "decode"]


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_progress_is_a_fraction(fraction: float) -> None:
    with pytest.raises(ValidationError, match="fraction"):
        Progress(stage=Stage.SHAPE, step="decode", fraction=fraction)
