"""From bytes to a request: whatever comes in, there is a request or words to fix it by."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.runtime.contract import MAX_MESSAGE, ErrorCode, InvocationRequest
from meshtwin.runtime.http.requests import RequestError, parse

GOOD = {"stage": "shape", "input_s3": "s3://images/fox.png", "output_s3": "s3://pipeline/fox.glb"}

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)


def test_a_good_body_is_the_request() -> None:
    assert parse(json.dumps(GOOD).encode()) == InvocationRequest.model_validate(GOOD)


@given(st.binary(max_size=200))
def test_any_bytes_get_words(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        parse(body)
    assert refused.value.code in {ErrorCode.INVALID_JSON, ErrorCode.INVALID_REQUEST}
    assert refused.value.message.encode()


def outcome(body: bytes) -> tuple[ErrorCode | None, str]:
    try:
        parse(body)
    except RequestError as error:
        return error.code, error.message
    return None, ""


@given(documents, st.sampled_from([*GOOD, "params", "shape_s3", "surprise"]))
def test_any_value_of_any_field_gets_a_request_or_words_that_name_it(value: object, name: str) -> None:
    body = json.dumps({**GOOD, name: value}).encode()
    code, message = outcome(body)
    assert code in {None, ErrorCode.INVALID_JSON} or name in message
    assert name != "surprise" or code is not None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"steps": 1.5}, "params.steps 1.5"),
        ({"steps": "10"}, "params.steps '10'"),
        ({"seed": True}, "params.seed True"),
        ({"guidance_scale": "high"}, "params.guidance_scale 'high'"),
        ({"texture_size": []}, "params.texture_size []"),
    ],
)
def test_types_are_not_guessed(params: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=r"params\.") as refused:
        parse(json.dumps({**GOOD, "params": params}).encode())
    assert refused.value.message.startswith(words)
    assert refused.value.stage == "shape"


def test_every_field_at_fault_is_named() -> None:
    with pytest.raises(RequestError) as refused:
        parse(b'{"stage": "full", "input_s3": "x", "colour": 1, "params": {"steps": 0, "seed": -1}}')
    for name in ("input_s3", "colour", "params.steps", "params.seed"):
        assert name in refused.value.message


MANY = ",".join(f'"{number:x}": 0' for number in range(100_000))
BULKY = {
    "a key of a megabyte": '{"%s": 1}' % ("k" * 10**6),
    "values of a megabyte": json.dumps({**GOOD, "input_s3": "x" * 500_000, "stage": "y" * 500_000}),
    "a list of half a million": '{"stage": [%s0]}' % ("0," * 500_000),
    "as many keys as are read": json.dumps({f"{number}{'k' * 9000}": 0 for number in range(100)}),
    "many keys": f"{{{MANY}}}",
    "many keys, one of them twice": f'{{{MANY}, "0": 0}}',
    "many params": f'{{"stage": "shape", "params": {{{MANY}}}}}',
    "a number of a million digits": '{"params": {"seed": %s}}' % ("1" * 10**6),
}


@pytest.mark.parametrize("name", BULKY)
def test_whatever_comes_in_the_message_is_short(name: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse(BULKY[name].encode())
    assert len(refused.value.message) <= MAX_MESSAGE + len("...")
    assert len(refused.value.stage or "") < 200
    # Each key is looked at once, and named once at most.
    assert not name.startswith("many") or "100 are read" in refused.value.message
