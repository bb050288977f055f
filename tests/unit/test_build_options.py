"""The options of a build: how each may be written, what each refuses, and the way through JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.request import BuildRequest
from meshtwin.minecraft.voxel.options import HTTP_NAMES, PALETTES, BuildOptions, OptionError, Order, shortened
from meshtwin.minecraft.voxel.versions import VERSIONS

BLOCKS = st.lists(st.text(min_size=1, max_size=20), max_size=4).map(tuple)
SHARES = st.floats(0, 1)
OPTIONS = st.builds(
    BuildOptions,
    size=st.integers(8, 256),
    rotation=st.integers(0, 3),
    hollow=st.integers(0, 128),
    min_part=SHARES,
    palette=st.sampled_from(PALETTES) | BLOCKS.filter(bool),
    exclude=BLOCKS,
    kinds=st.none() | st.integers(1, 512),
    smoothing=SHARES,
    dither=SHARES,
    order=st.sampled_from(Order),
    clear_air=st.booleans(),
    version=st.sampled_from([version.name for version in VERSIONS]),
)


@given(OPTIONS)
def test_options_come_back_from_json(options: BuildOptions) -> None:
    assert BuildOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options


@given(OPTIONS)
def test_a_row_keeps_them_beside_what_else_was_asked_for(options: BuildOptions) -> None:
    request = BuildRequest("a cat", options, anchor=(1, 2, 3), seed=7, world="world")
    assert BuildRequest.from_json(request.to_json()) == request
    assert json.loads(request.to_json()).keys() >= {*options.to_dict(), "prompt", "anchor", "world"}


def test_none_is_the_default() -> None:
    assert BuildOptions.from_dict(dict.fromkeys(HTTP_NAMES)) == BuildOptions.from_dict({}) == BuildOptions()


def test_the_http_api_writes_them_in_camel_case() -> None:
    assert {field for name, field in HTTP_NAMES.items() if name != field} == {"minPart", "clearAir"}


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        *(("size", "small", 32), ("size", " Large ", 128), ("size", "8", 8), ("size", 256.0, 256)),
        *(("hollow", True, 1), ("hollow", False, 0), ("rotation", "3", 3), ("min_part", "0.25", 0.25)),
        *(("palette", ["stone"], ("stone",)), ("exclude", [], ()), ("order", "ground", Order.GROUND)),
    ],
)
def test_a_value_is_the_same_however_it_is_written(name: str, written: Any, value: object) -> None:
    found = getattr(BuildOptions.from_dict({name: written}), name)
    assert (found, type(found)) == (value, type(value))


BAD_SIZES: list[object] = ["huge", "7", "257", "", "-8", "8.5", "1e2", "٣٢", "9" * 5000, 0, True, 100_000, []]
REFUSED: list[tuple[str, object, str]] = [
    *(("size", value, "small, medium, large or 8..256") for value in BAD_SIZES),
    ("size", "larg", "small, medium, large or 8..256; did you mean large?"),
    *(("rotation", value, "a whole number in 0..3") for value in (4, -1, True, 1.5)),
    ("hollow", -1, "a whole number in 0..128"),
    *(("min_part", value, "a number in 0..1") for value in (1.5, float("nan"), "x", True)),
    (
        "palette",
        "defualt",
        f"{', '.join(PALETTES)}, or a list of 1..512 block ids; did you mean default?",
    ),
    ("palette", (), f"{', '.join(PALETTES)}, or a list of 1..512 block ids"),
    ("exclude", ("stone",) * 513, "a list of at most 512 block ids"),
    ("exclude", "stone", "a list of at most 512 block ids"),
    ("exclude", (5,), "a list of at most 512 block ids"),
    *(("kinds", value, "a whole number in 1..512") for value in (0, 513, "x")),
    *(("smoothing", value, "a number in 0..1") for value in (-1.0, float("nan"))),
    *(("dither", value, "a number in 0..1") for value in (2.0, float("inf"))),
    ("order", "up", "any or ground"),
    ("order", ["any"], "any or ground"),
    ("clear_air", 1, "true or false"),
    ("clear_air", "true", "true or false"),
    ("version", "1.8", "a version of the game from 1.20 to 26.3, as in 1.21.4"),
]


@pytest.mark.parametrize(("name", "value", "expected"), REFUSED)
def test_any_other_value_is_refused_with_what_may_be(name: str, value: object, expected: str) -> None:
    with pytest.raises(OptionError) as refused:
        BuildOptions.from_dict({name: value})
    assert (refused.value.name, refused.value.expected) == (name, expected)
    assert str(refused.value) == f"{name} {shortened(value)}: expected {expected}"


def test_what_checks_a_request_loads_neither_numpy_nor_a_table() -> None:
    script = (
        "import sys, meshtwin.minecraft.voxel.options\n"
        "print(sorted({'numpy', 'csv', 'numba', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
