from __future__ import annotations

import gzip
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshtwin.minecraft.voxel.export.formats.nbt import MAX_DEPTH, Compound, read_nbt, write_nbt

HELLO = bytes.fromhex("0a000b68656c6c6f20776f726c640800046e616d65000942616e616e72616d6100")
"""hello_world.nbt of https://minecraft.wiki/w/NBT_format"""

NUMBERS = [np.int8, np.int16, np.int32, np.int64, np.float32, np.float64]

numbers = st.one_of([hnp.from_dtype(np.dtype(kind), allow_nan=False) for kind in NUMBERS])
arrays = st.one_of(
    [hnp.arrays(kind, st.integers(0, 20)) for kind in (np.int8, np.int32, np.int64)],
)
names = st.text(max_size=8)
records = hnp.arrays(
    np.dtype([("pos", np.int32, (3,)), ("state", np.int16), ("\u00e9", np.float64)]),
    st.integers(1, 5),
    elements={"allow_nan": False},
)
lists = st.one_of(
    st.lists(names, max_size=4),
    records,
    *(st.lists(hnp.from_dtype(np.dtype(kind), allow_nan=False), max_size=4) for kind in NUMBERS),
)
values = st.recursive(
    st.one_of(numbers, arrays, names, lists),
    lambda inner: st.one_of(
        st.dictionaries(names, inner, max_size=4),
        st.lists(st.dictionaries(names, st.just("word"), min_size=1, max_size=2), max_size=3),
    ),
    max_leaves=8,
)


FEW = 5000
"""The most tags of a file, in place of millions, which take seconds."""


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    return type(one) is type(other) and one == other


@given(st.dictionaries(names, values, max_size=5), names)
def test_what_is_written_is_read(root: Compound, name: str) -> None:
    data = write_nbt(root, name=name)
    found_name, found = read_nbt(data)
    assert found_name == name
    assert equal(found, root)
    assert write_nbt(found, name=name) == data


def test_the_bytes_are_the_games() -> None:
    assert gzip.decompress(write_nbt({"name": "Bananrama"}, name="hello world")) == HELLO
    assert read_nbt(gzip.compress(HELLO)) == ("hello world", {"name": "Bananrama"})


def test_each_tag_has_its_bytes() -> None:
    root: Compound = {
        "a": np.int8(-1),
        "b": np.int16(0x0102),
        "c": np.array([1, -2], np.int32),
        "d": [np.float32(1)],
        "e": [],
    }
    expected = (
        "0a0000"
        "01000161ff"
        "020001620102"
        "0b0001630000000200000001fffffffe"
        "0900016405000000013f800000"
        "090001650000000000"
        "00"
    )
    assert gzip.decompress(write_nbt(root)).hex() == expected


def test_no_time_is_in_the_file() -> None:
    assert write_nbt({})[4:8] == bytes(4)


def test_a_list_of_like_compounds_is_a_table() -> None:
    rows = np.array([([1, 2, 3], 4), ([5, 6, 7], 8)], [("pos", np.int32, (3,)), ("state", np.int32)])
    singly: Compound = {
        "blocks": [
            {"pos": [np.int32(n) for n in row["pos"]], "state": np.int32(row["state"])} for row in rows
        ]
    }
    assert write_nbt({"blocks": rows}) == write_nbt(singly)
    assert equal(read_nbt(write_nbt(singly))[1]["blocks"], rows)


def test_a_list_of_unlike_compounds_is_a_list() -> None:
    root: Compound = {"blocks": [{"state": np.int32(1)}, {"state": np.int16(1)}]}
    assert equal(read_nbt(write_nbt(root))[1], root)


def test_words_are_javas_utf_8() -> None:
    text = "\0\u00e9\u20ac\U0001f600"
    raw = gzip.decompress(write_nbt({"t": text}))
    assert raw[7:-1] == bytes.fromhex("000dc080c3a9e282aceda0bdedb880")
    assert read_nbt(write_nbt({"t": text}))[1] == {"t": text}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1, "np.int32"),
        (True, "no tag for bool"),
        (None, "NoneType"),
        (np.uint8(1), "uint8"),
        (np.zeros((2, 2), np.int8), "2 dimensions"),
        (np.zeros(2, np.int16), "int16"),
        (np.zeros(2, [("a", "U4")]), "<U4"),
        (["a", np.int8(1)], "one type only"),
    ],
)
def test_what_has_no_tag_is_refused(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        write_nbt({"field": value})


@pytest.mark.parametrize("text", ["a" * 65536, "\u20ac" * 21846, "\ud800"])
def test_words_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"65535 at most|surrogates not allowed"):
        write_nbt({"field": text})


def nested(depth: int) -> bytes:
    return b"\x0a\0\0" + b"\x0a\0\x01a" * depth + b"\0" * (depth + 1)


BAD = {
    "no gzip": (b"hello", "not a valid gzip"),
    "nothing": (b"", "cut off"),
    "raw": (HELLO, "not a valid gzip"),
    "cut": (gzip.compress(HELLO)[:-9], "cut off"),
    "more": (gzip.compress(HELLO) + b"x", "1 bytes after the end"),
    "wrong sum": (gzip.compress(HELLO)[:-8] + bytes(8), "not a valid gzip"),
}
BAD_INSIDE = {
    "no root": (b"\x01\0\0\x01", "not a compound"),
    "more": (HELLO + b"\0", "1 bytes after the root"),
    "a tag that is none": (b"\x0a\0\0\x0d\0\0\0", "no tag 13"),
    "a list of nothings": (b"\x0a\0\0\x09\0\0\0\x7f\xff\xff\xff\0", "without a type"),
    "a long array": (b"\x0a\0\0\x0c\0\0\x7f\xff\xff\xff\0", "17179869176 bytes at byte"),
    "less than nothing": (b"\x0a\0\0\x07\0\0\xff\xff\xff\xff\0", "length of -1"),
    "a list of compounds": (b"\x0a\0\0\x09\0\0\x0a\x7f\xff\xff\xff\x03\0\x01a\0\0\0\0\0\0", "at byte"),
    "too deep": (nested(MAX_DEPTH), "deeper than 64"),
    "deep lists": (b"\x0a\0\0" + b"\x09\0\0" + b"\x09\0\0\0\x01" * 2000, "deeper than 64"),
    "many tags": (b"\x0a\0\0\x09\0\0\x01" + struct.pack(">i", FEW) + bytes(FEW + 1), "more than 5000 tags"),
    "twice": (b"\x0a\0\0" + b"\x01\0\x01a\0" * 2 + b"\0", "'a' is twice"),
    "no word": (b"\x0a\0\0\x08\0\0\0\x01\xff\0", "modified UTF-8"),
    "half a pair": (b"\x0a\0\0\x08\0\0\0\x03\xed\xa0\xbd\0", "modified UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_file_is_refused(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        read_nbt(data)


@pytest.mark.parametrize("case", BAD_INSIDE)
def test_broken_contents_are_refused(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtwin.minecraft.voxel.export.formats.nbt_read.MAX_TAGS", FEW)
    data, message = BAD_INSIDE[case]
    with pytest.raises(ValueError, match=message):
        read_nbt(gzip.compress(data))


def test_as_deep_as_is_allowed() -> None:
    assert read_nbt(gzip.compress(nested(MAX_DEPTH - 1)))[0] == ""


def test_a_bomb_is_refused() -> None:
    bomb = gzip.compress(b"\x0a\0\0\x07\0\0\x00\xff\xff\xff" + bytes(0xFFFFFF) + b"\0")
    assert len(bomb) < 20_000
    with pytest.raises(ValueError, match="more than 1000000 bytes"):
        read_nbt(bomb, limit=1_000_000)


@given(st.integers(0, len(HELLO) - 1), st.binary(max_size=3))
def test_any_other_bytes_are_read_or_refused(at: int, other: bytes) -> None:
    try:
        read_nbt(gzip.compress(HELLO[:at] + other + HELLO[at + len(other) :]))
    except ValueError:
        return
