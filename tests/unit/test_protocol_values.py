from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.model import ShapeResolver
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.protocol.errors import SerializationError
from meshtwin.emulator.core.protocol.values import read, read_text, write, write_text

SHAPES: Any = {
    "Record": {
        "type": "structure",
        "members": {
            "Name": {"shape": "string"},
            "Count": {"shape": "integer"},
            "Big": {"shape": "long"},
            "Weight": {"shape": "float"},
            "On": {"shape": "boolean"},
            "At": {"shape": "timestamp"},
            "Data": {"shape": "blob"},
            "Parts": {"shape": "Parts"},
            "Env": {"shape": "Env"},
        },
    },
    "Parts": {"type": "list", "member": {"shape": "Record"}},
    "Env": {"type": "map", "key": {"shape": "string"}, "value": {"shape": "string"}},
    **{
        kind: {"type": kind}
        for kind in ("string", "integer", "long", "float", "boolean", "timestamp", "blob")
    },
}
RESOLVER = ShapeResolver(SHAPES)
RECORD = RESOLVER.get_shape_by_name("Record")

flat = st.fixed_dictionaries(
    {},
    optional={
        "Name": st.text(),
        "Count": st.integers(-(2**31) + 1, 2**31 - 1),
        "Big": st.integers(-(2**63) + 1, 2**63 - 1),
        "Weight": st.floats(allow_nan=False, allow_infinity=False),
        "On": st.booleans(),
        "At": st.integers(0, 2**40).map(lambda millis: millis / 1000),
        "Data": st.binary(),
        "Env": st.dictionaries(st.text(), st.text()),
        "Newer": st.text(),
    },
)
records = st.recursive(
    flat,
    lambda inner: st.builds(lambda record, parts: {**record, "Parts": parts}, flat, st.lists(inner)),
    max_leaves=5,
)


@given(records)
def test_what_is_written_reads_back_with_no_member_lost(record: dict[str, Any]) -> None:
    assert read(RECORD, write(RECORD, record)) == record


def test_null_is_as_good_as_absent() -> None:
    assert read(RECORD, {"Name": None, "Env": {"a": None, "b": "c"}}) == {"Env": {"b": "c"}}
    assert write(RECORD, {"Name": None, "Count": 1}) == {"Count": 1}


def test_timestamps_may_come_as_text() -> None:
    moment = dt.datetime(2026, 5, 4, 10, tzinfo=dt.UTC)
    assert read(RECORD, {"At": moment.isoformat()}) == {"At": moment.timestamp()}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"Name": 1}, "NUMBER_VALUE at 'name' cannot be converted to a String"),
        ({"Count": "1"}, "STRING_VALUE at 'count' cannot be converted to a Integer"),
        ({"Count": 1.5}, "NUMBER_VALUE at 'count'"),
        ({"Count": True}, "BOOLEAN_VALUE at 'count'"),
        ({"Count": 2**31}, "NUMBER_VALUE at 'count'"),
        ({"Weight": float("inf")}, "NUMBER_VALUE at 'weight'"),
        ({"On": "true"}, "STRING_VALUE at 'on'"),
        ({"At": "noon"}, "STRING_VALUE at 'at'"),
        ({"At": []}, "ARRAY_VALUE at 'at'"),
        ({"Data": "!"}, "STRING_VALUE at 'data'"),
        ({"Parts": {}}, "OBJECT_VALUE at 'parts'"),
        ({"Parts": [None]}, "NULL_VALUE at 'parts.1.member'"),
        ({"Parts": [{}, {"Env": []}]}, "ARRAY_VALUE at 'parts.2.member.env'"),
        ([], "ARRAY_VALUE cannot be converted to a Structure"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(record: object, message: str) -> None:
    with pytest.raises(SerializationError, match=message.replace("'", ".")):
        read(RECORD, record)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("string", " a", " a"), ("integer", "-7", -7), ("float", "2.5", 2.5), ("boolean", "true", True)],
)
def test_text_is_read_as_its_type_and_written_back(kind: str, text: str, value: object) -> None:
    shape = RESOLVER.get_shape_by_name(kind)
    assert read_text(shape, text, "x") == value
    assert write_text(shape, value) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1_000"),
        ("integer", "+1"),
        ("integer", "\u0661"),
        ("integer", "9" * 5000),
        ("integer", "2147483648"),
        ("float", "nan"),
        ("boolean", "True"),
    ],
)
def test_text_of_another_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(SerializationError, match="_VALUE at"):
        read_text(RESOLVER.get_shape_by_name(kind), text, "x")
