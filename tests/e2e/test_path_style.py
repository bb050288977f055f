"""S3 at a host name, as http://localstack:4566: the bucket is in the path, not in the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.aws import Aws, is_of_aws
from meshtwin.runtime.jobs.storage import Storage
from tests.support.s3_proxy import S3Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


@pytest.fixture
def proxy(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """Moto's S3, under the name localhost."""
    with S3Proxy(aws).running() as running:
        running.url = running.url.replace("127.0.0.1", "localhost")
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


def test_the_emulator_asks_for_the_path(proxy: S3Proxy, bucket: str) -> None:
    aws = Aws("us-east-1")
    aws.s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    with aws.s3.get_object(Bucket=bucket, Key="a/b")["Body"] as body:
        assert body.read() == b"x"
    aws.s3.head_bucket(Bucket=bucket)
    aws.close()
    host = proxy.url.removeprefix("http://")
    assert proxy.asked == [(host, f"/{bucket}/a/b"), (host, f"/{bucket}/a/b"), (host, f"/{bucket}")]


def test_the_runtime_asks_for_the_path(proxy: S3Proxy, bucket: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "file", tmp_path / "copy"
    file.write_bytes(b"x")
    storage = Storage()
    storage.upload(file, f"s3://{bucket}/a/b")
    storage.download(f"s3://{bucket}/a/b", copy, 10, lambda: None)
    storage.put_progress(f"s3://{bucket}/a/c", b"{}")
    storage.close()
    assert copy.read_bytes() == b"x"
    assert {host for host, _ in proxy.asked} == {proxy.url.removeprefix("http://")}
    assert {path for _, path in proxy.asked} == {f"/{bucket}/a/b", f"/{bucket}/a/c"}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1"])
def test_on_aws_the_bucket_stays_in_the_host(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", region)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    aws, storage = Aws(region), Storage()
    assert is_of_aws(aws.s3.meta.endpoint_url)
    progress_writes: S3Client = storage._progress_writes
    for client in (aws.s3, progress_writes):
        url = client.generate_presigned_url("get_object", Params={"Bucket": "a-bucket", "Key": "k"})
        assert url.startswith("https://a-bucket.s3.")
    aws.close()
    storage.close()
