from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.locations import S3Location, parse_location, safe_extension

ENDPOINT = "http://localhost:4566"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/a/k.png", "b", "a/k.png"),
        ("s3://b/k?x#y%20z", "b", "k?x#y%20z"),
        ("s3://b", "b", ""),
        ("https://b.s3.amazonaws.com/a%20k", "b", "a k"),
        ("https://my.dotted.b.s3.eu-west-1.amazonaws.com/a/k", "my.dotted.b", "a/k"),
        ("https://b.s3-us-west-2.amazonaws.com/k", "b", "k"),
        ("https://b.s3.dualstack.us-gov-west-1.amazonaws.com/k", "b", "k"),
        ("https://b.s3.cn-north-1.amazonaws.com.cn/k", "b", "k"),
        ("https://s3.us-east-1.amazonaws.com/b/a/k", "b", "a/k"),
        ("https://s3.amazonaws.com/b/k?versionId=1", "b", "k"),
        ("https://b.s3-accelerate.amazonaws.com/a/k", "b", "a/k"),
        ("https://b.s3-accelerate.dualstack.amazonaws.com/k", "b", "k"),
        ("https://localhost:4566/b/a/k", "b", "a/k"),
        ("https://b.localhost:4566/k", "b", "k"),
        ("https://b.s3.localhost:4566/k", "b", "k"),
        ("https://b.s3.localhost.localstack.cloud:4566/k", "b", "k"),
    ],
)
def test_a_location_may_be_written_in_many_ways(uri: str, bucket: str, key: str) -> None:
    assert parse_location(uri, ENDPOINT) == S3Location(bucket, key)


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/b/k",
        "https://s3.amazonaws.com.evil.com/b/k",
        "https://evil-amazonaws.com/b/k",
        "https://localhost:9999/b/k",
        "https://s3.amazonaws.com/",
        "https://[/k",
    ],
)
def test_a_url_that_is_not_in_s3_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_location(uri, ENDPOINT)


@given(st.text("ab/", max_size=8), st.lists(st.text("ab/", max_size=4), max_size=3))
def test_parts_are_joined_with_single_slashes_at_the_seams(prefix: str, names: list[str]) -> None:
    joined = S3Location("b", prefix).join(*names)
    parts = [part for part in (prefix.rstrip("/"), *(name.strip("/") for name in names)) if part]
    assert joined.key == "/".join(parts)


@given(st.text("a./", min_size=1, max_size=12))
def test_an_extension_never_leads_out_of_its_path(extension: str) -> None:
    try:
        parts = safe_extension(extension)
    except ValueError:
        return
    assert parts
    assert not {"", ".", ".."} & set(parts)
