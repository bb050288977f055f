from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.lambda_.http_response import MalformedResponseError, http_response

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {"statusCode": ANYTHING | st.integers(100, 599)},
    optional=dict.fromkeys(("headers", "cookies", "body", "isBase64Encoded"), ANYTHING),
)


@given(ANYTHING | FIELDS)
def test_whatever_a_function_returns_is_a_response_or_malformed(result: Any) -> None:
    payload = json.dumps(result).encode()
    try:
        response = http_response(payload)
    except MalformedResponseError:
        assert "statusCode" in result
        return
    assert 100 <= response.status < 600
    for name, value in response.headers:
        assert b"\n" not in name + value
        assert b"\r" not in name + value


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nb"}, {"x": "a\x00b"}, {"x": "\ud800"}, {"": "a"}, {"a b": "c"}, {"x": None}]
)
def test_a_header_is_a_name_and_a_line(headers: dict[str, Any]) -> None:
    with pytest.raises(MalformedResponseError, match="header"):
        http_response(json.dumps({"statusCode": 200, "headers": headers}).encode())


def test_half_a_character_is_none() -> None:
    assert http_response(b'"\\ud800"').body == b"?"
