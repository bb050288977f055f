"""The image step against real servers: moto's S3 and Lambda API, and the fake Bedrock."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from meshtwin.minecraft.lambdas import text_to_image
from tests.support.called import Functions, functions_api
from tests.support.foundation_models import FakeBedrock, foundation_models_server
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

KEY = "jobs/abc123/image.png"
FAILURE = f"{KEY}.failure.json"


@pytest.fixture(scope="module")
def fake_bedrock() -> Iterator[FakeBedrock]:
    with foundation_models_server() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(aws: str, fake_bedrock: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    assert aws, "S3 is the profile's"
    for name in ("IMAGE_MODEL_ID", "IMAGE_MODEL_REGION", "IMAGE_BACKGROUND_MODEL_ID", "WORKER_FUNCTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake_bedrock.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    yield
    fake_bedrock.faults.clear()


def run(bucket: str, **changes: Any) -> str:
    event = {
        "jobId": "abc123",
        "prompt": "a red dragon",
        "seed": 5,
        "output_s3": f"s3://{bucket}/{KEY}",
        "source_s3": None,
        **changes,
    }
    answer = text_to_image.handler(event, None)
    assert answer["jobId"] == "abc123"
    return str(answer["outcome"])


def stored(s3: S3Client, bucket: str, key: str = KEY) -> bytes:
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read()


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def failure(s3: S3Client, bucket: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored(s3, bucket, FAILURE))
    assert found.keys() == {"code", "message", "retryable"}
    return found


def asked(fake_bedrock: FakeBedrock) -> int:
    """Calls of the model since the count was begun."""
    (rule,) = fake_bedrock.faults.list()
    return int(rule["asked"])


def count_calls(fake_bedrock: FakeBedrock) -> None:
    fake_bedrock.faults.add(
        {"place": "api", "effect": "throttle", "operation": "InvokeModel", "probability": 0}
    )


def upload(s3: S3Client, bucket: str, data: bytes) -> str:
    s3.put_object(Bucket=bucket, Key="uploads/mine", Body=data)
    return f"s3://{bucket}/uploads/mine"


def test_a_prompt_becomes_a_png_by_its_seed(s3: S3Client, bucket: str) -> None:
    assert run(bucket) == "picture"
    first = stored(s3, bucket)
    assert Image.open(io.BytesIO(first)).size == (1024, 1024)
    assert s3.head_object(Bucket=bucket, Key=KEY)["ContentType"] == "image/png"
    assert keys(s3, bucket) == [KEY]
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert run(bucket, seed=6) == "picture"
    assert stored(s3, bucket) != first


def test_what_is_there_is_not_bought_again(s3: S3Client, bucket: str, fake_bedrock: FakeBedrock) -> None:
    count_calls(fake_bedrock)
    assert [run(bucket), run(bucket), run(bucket)] == ["picture", "kept", "kept"]
    assert asked(fake_bedrock) == 1
    assert len(keys(s3, bucket)) == 1


def test_a_slower_call_does_not_overwrite(s3: S3Client, bucket: str, fake_bedrock: FakeBedrock) -> None:
    rule = {"place": "api", "effect": "delay", "operation": "InvokeModel", "seconds": 60, "times": 1}
    fake_bedrock.faults.add(rule)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(run, bucket)
        wait_until(lambda: fake_bedrock.faults.list()[0]["struck"])
        assert run(bucket, seed=6) == "picture"
        first = stored(s3, bucket)
        fake_bedrock.advance(60)
        assert slow.result() == "kept"
    assert stored(s3, bucket) == first


def test_a_filters_hit_reaches_the_player_and_is_not_tried_again(
    s3: S3Client, bucket: str, fake_bedrock: FakeBedrock
) -> None:
    count_calls(fake_bedrock)
    assert run(bucket, prompt="a naked statue") == "image_refused"
    told = failure(s3, bucket)
    assert (told["code"], told["retryable"]) == ("image_refused", False)
    assert "does not allow these words" in told["message"]
    assert run(bucket, prompt="a naked statue") == "image_refused"
    assert asked(fake_bedrock) == 1


def test_throttling_may_be_tried_again_and_is_forgotten_then(
    s3: S3Client, bucket: str, fake_bedrock: FakeBedrock
) -> None:
    fake_bedrock.faults.add({"place": "api", "effect": "throttle", "operation": "InvokeModel", "times": 3})
    assert run(bucket) == "image_busy"
    assert failure(s3, bucket)["retryable"] is True
    assert run(bucket) == "picture"
    assert keys(s3, bucket) == [KEY]


@pytest.mark.parametrize(
    ("code", "status", "outcome", "words"),
    [
        ("ModelTimeoutException", 408, "image_busy", "busy"),
        ("ServiceQuotaExceededException", 400, "image_busy", "busy"),
        ("ServiceUnavailableException", 503, "image_busy", "busy"),
        ("ModelErrorException", 424, "image_busy", "busy"),
        ("AccessDeniedException", 403, "image_failed", "bedrock:InvokeModel"),
        ("ResourceNotFoundException", 404, "image_failed", "IMAGE_MODEL_ID"),
        ("ValidationException", 400, "image_failed", "ValidationException"),
    ],
)
def test_errors_are_told_apart(
    s3: S3Client, bucket: str, fake_bedrock: FakeBedrock, *, code: str, status: int, outcome: str, words: str
) -> None:
    rule = {"place": "api", "effect": "error", "operation": "InvokeModel", "code": code, "status": status}
    fake_bedrock.faults.add({**rule, "message": "internal words"})
    assert run(bucket) == outcome
    told = failure(s3, bucket)
    assert told["retryable"] == (outcome == "image_busy")
    assert words in told["message"]
    assert "internal words" not in told["message"]


def test_a_model_that_cannot_be_reached_may_be_tried_again(
    s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
    assert run(bucket) == "image_busy"
    assert "cannot be reached" in failure(s3, bucket)["message"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("amazon.titan-image-generator-v2:0", "is retired"),
        ("amazon.nova-canvas-v1:0", "is retired"),
        ("us.amazon.nova-canvas-v1:0", "is retired"),
        ("stability.stable-diffusion-xl-v1:0", "is retired"),
        ("stability.nothing-v1:0", "There is no image model"),
    ],
)
def test_a_model_that_is_gone_says_which_setting_to_change(
    s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch, model: str, words: str
) -> None:
    monkeypatch.setenv("IMAGE_MODEL_ID", model)
    assert run(bucket) == "image_failed"
    told = failure(s3, bucket)
    assert words in told["message"]
    assert model in told["message"]
    assert "IMAGE_MODEL_ID" in told["message"]


@pytest.mark.parametrize("model", ["stability.sd3-5-large-v1:0", "stability.stable-image-ultra-v1:1"])
def test_other_models_are_a_setting(bucket: str, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("IMAGE_MODEL_ID", model)
    assert run(bucket) == "picture"


def test_a_background_is_removed_where_a_model_is_set(
    s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_BACKGROUND_MODEL_ID", "us.stability.stable-image-remove-background-v1:0")
    assert run(bucket) == "picture"
    image = Image.open(io.BytesIO(stored(s3, bucket)))
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]  # an RGBA picture's pixels are tuples


@pytest.mark.parametrize("prompt", ["", "  \n ", "\u200b\ufeff", "..."])
def test_a_prompt_without_words_is_told(s3: S3Client, bucket: str, prompt: str) -> None:
    assert run(bucket, prompt=prompt) == "image_failed"
    assert "no words" in failure(s3, bucket)["message"]


@pytest.mark.parametrize(
    "prompt", ["龍", "x" * 20_000, 'a "quoted" {subject} %s', "🐉\U0001f409", "a\x00b\ud800c"]
)
@pytest.mark.parametrize("seed", [0, -1, 2**80])
def test_odd_prompts_and_seeds_are_drawn(bucket: str, prompt: str, seed: int) -> None:
    assert run(bucket, prompt=prompt, seed=seed) == "picture"


def test_a_picture_of_the_players_own_is_taken(s3: S3Client, bucket: str, fake_bedrock: FakeBedrock) -> None:
    count_calls(fake_bedrock)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    Image.new("RGB", (300, 200), "red").save(buffer, "JPEG", exif=exif)
    assert run(bucket, source_s3=upload(s3, bucket, buffer.getvalue())) == "picture"
    kept = Image.open(io.BytesIO(stored(s3, bucket)))
    assert (kept.format, kept.size, dict(kept.getexif())) == ("PNG", (200, 300), {})
    assert asked(fake_bedrock) == 0


def test_a_bad_upload_is_told(s3: S3Client, bucket: str) -> None:
    assert run(bucket, source_s3=upload(s3, bucket, b"GIF89a")) == "image_bad_upload"
    assert failure(s3, bucket)["message"] == "The file is not a PNG, JPEG or WebP image."


def test_an_upload_that_is_not_there_is_told(s3: S3Client, bucket: str) -> None:
    assert run(bucket, source_s3=f"s3://{bucket}/nothing") == "image_bad_upload"
    assert "does not exist" in failure(s3, bucket)["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": 7},
        {"prompt": "x" * 20_001},
        {"seed": "1"},
        {"source_s3": "https://example.com/x.png"},
    ],
)
def test_an_event_that_is_none_is_a_failure_in_words(
    s3: S3Client, bucket: str, changes: dict[str, Any]
) -> None:
    assert run(bucket, **changes) == "bad_task"
    assert next(iter(changes)) in failure(s3, bucket)["message"]
    assert not failure(s3, bucket)["retryable"]


@pytest.mark.parametrize(
    "changes",
    [{"jobId": ""}, {"jobId": "../x"}, {"jobId": None}, {"output_s3": "jobs/x"}, {"output_s3": None}],
)
def test_an_event_that_does_not_say_where_to_write_is_an_error(bucket: str, changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ValueError, match=f"^{name} "):
        run(bucket, **changes)


def test_a_bucket_that_is_not_there_is_lambdas_to_retry() -> None:
    with pytest.raises(ClientError):
        run(f"no-such-bucket-{random.randrange(10**9)}")  # noqa: S311  # not to be secret


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    with functions_api() as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        monkeypatch.setenv("WORKER_FUNCTION", "build-worker")
        yield api


def test_the_worker_is_called_however_it_ended(bucket: str, functions: Functions) -> None:
    assert [run(bucket), run(bucket)] == ["picture", "kept"]
    run(bucket, prompt="nsfw", output_s3=f"s3://{bucket}/other.png")
    path = "/2015-03-31/functions/build-worker/invocations"
    assert functions.calls == [(path, "Event", b'{"jobId": "abc123"}')] * 3


def test_what_is_loaded_at_the_start_is_light() -> None:
    program = (
        "import sys, meshtwin.minecraft.lambdas.text_to_image\n"
        "print(sorted({'PIL', 'numpy', 'cv2', 'numba', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
