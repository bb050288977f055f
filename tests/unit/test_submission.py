"""What a submission becomes, and what it is refused for; how a failure object is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.cli.submit import read_params
from meshtwin.cloud.client import Client
from meshtwin.cloud.errors import CloudError, JobExpiredError, JobFailedError, JobTimedOutError, UsageError
from meshtwin.cloud.jobs.submit import Submission, Ticket, submit
from meshtwin.cloud.jobs.wait import failure_error
from meshtwin.cloud.locations import S3Location, is_s3
from meshtwin.cloud.profiles import load_profile
from meshtwin.runtime.contract import ErrorBody, ErrorCode, ErrorResponse, Stage

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED = Client(load_profile("embedded", {}), {})
PICTURE = "s3://pictures/duck.png"
FOLDERS = ("", ".", "..", "./", "/", "/tmp", "no-such-folder/", "a/..")  # noqa: S108  # none is written to


@pytest.mark.parametrize(
    ("submission", "words"),
    [
        (Submission(Stage.FULL, PICTURE, output="out.glb"), "--output-prefix, not --output"),
        (Submission(Stage.SHAPE, PICTURE, output_prefix="out/"), "--output, not --output-prefix"),
        (Submission(Stage.PAINT, PICTURE), "needs --shape"),
        (Submission(Stage.SHAPE, PICTURE, shape="s3://a-bucket/a.glb"), "remove --shape"),
        (Submission(Stage.FULL, "no/such/duck.png"), "no/such/duck.png: no such file"),
        (Submission(Stage.FULL, "https://example.com/duck.png"), "expected s3://bucket/key or a path"),
        (Submission(Stage.FULL, "s3://Pictures/duck.png"), "s3://bucket/key"),
        (Submission(Stage.SHAPE, PICTURE, output="s3://models/"), "location of an object"),
        *((Submission(Stage.SHAPE, PICTURE, output=place), "--output .*is a folder") for place in FOLDERS),
        (
            Submission(Stage.SHAPE, PICTURE, output=f"{__file__}/a.glb"),
            "--output .* is a file, expected a folder",
        ),
        (Submission(Stage.FULL, PICTURE, output_prefix=f"{__file__}/out"), "--output-prefix .* is a file"),
        (Submission(Stage.FULL, PICTURE, output_prefix=__file__), "--output-prefix .* is a file"),
    ],
)
def test_a_submission_that_makes_no_sense_is_refused_before_anything_is_sent(
    submission: Submission, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        submit(EMBEDDED, submission)


def test_on_aws_a_bucket_that_is_needed_has_to_be_named() -> None:
    account = Client(load_profile("sagemaker", {"ASYNC_IO_BUCKET": "mine"}), {})
    other = Client(load_profile("sagemaker", {"OUTPUT_BUCKET": "mine"}), {})
    with pytest.raises(UsageError, match=r"^OUTPUT_BUCKET is not set: `export OUTPUT_BUCKET="):
        submit(account, Submission(Stage.SHAPE, PICTURE))
    with pytest.raises(UsageError, match=r"^INPUT_BUCKET is not set"):
        submit(account, Submission(Stage.SHAPE, __file__, output="s3://models/a.glb"))
    with pytest.raises(UsageError, match=r"^ASYNC_IO_BUCKET is not set"):
        submit(other, Submission(Stage.SHAPE, PICTURE))


def test_params_are_read_from_json_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"seed": 7}', encoding="utf-8")
    assert read_params('{"seed": 7}') == read_params(f"@{file}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"seed": -1}', "seed"),
        ('{"sead": 1}', "sead"),
        ('{"octree_resolution": 9999}', "512"),
        ("seed=1", "the document"),
        ("@nowhere.json", "no such file"),
    ],
)
def test_wrong_params_are_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_params(text)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (b"InternalFailure: invocation expired", JobExpiredError),
        (b"Your invocation timed out while waiting for a response from container primary.", JobTimedOutError),
        (b"ClientError: Received server error (0) from model.", JobFailedError),
        (
            b"ClientError: Unable to download the input s3://a/b: ExpiredToken (expired)",
            JobFailedError,
        ),
        (b"ClientError: Unable to upload to s3://a/b: Read timed out.", JobFailedError),
        (b"", JobFailedError),
        (b'{"error": {"code": "from another container"}}', JobFailedError),
        (b"\xff\xfe", JobFailedError),
    ],
)
def test_failure_objects_are_told_apart(failure: bytes, kind: type[CloudError]) -> None:
    error = failure_error("job-1", failure)
    assert type(error) is kind
    assert "job-1" in str(error)


def test_the_containers_own_error_is_handed_on() -> None:
    body = ErrorBody(code=ErrorCode.INVALID_IMAGE, message="it is truncated", stage="full", retryable=False)
    error = failure_error("job-1", ErrorResponse(error=body).model_dump_json().encode())
    assert isinstance(error, JobFailedError)
    assert (error.code, error.retryable) == ("invalid_image", False)
    assert "it is truncated" in str(error)


def test_exit_codes_are_distinct() -> None:
    kinds: list[type[CloudError]] = [CloudError, *CloudError.__subclasses__()]
    codes = [kind.exit_code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert 0 not in codes


def test_a_ticket_survives_its_json() -> None:
    ticket = Ticket("id", "endpoint", "s3://b/out", None, {"shape": "s3://b/s.glb"}, "s3://b/p", {})
    assert Ticket.from_json(ticket.to_json()) == ticket


def test_places() -> None:
    assert is_s3("s3://bucket/key")
    assert not is_s3("some/path.png")
    assert str(S3Location.parse("s3://bucket/a/b c")) == "s3://bucket/a/b c"
