"""Values for the shapes of botocore's models: random valid ones, and ones that break a single constraint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, StructureShape
from hypothesis import strategies as st

from meshtwin.emulator.core.protocol.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

_MOST = 3
"""Members, items and pairs of one generated value."""

_DEPTH = 5
_CLASSES = {r"\p{L}": "a-zA-Z", r"\p{Z}": " ", r"\p{N}": "0-9", r"\p{ASCII}": "[ -~]", r"\p{Print}": " -~"}
_SUSPECTS = ("", " ", "\n", "é", "-", "!", "/", ".", "a b", "[", "a..b")


def valid(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that keep every constraint of a shape and of all below it."""
    if isinstance(shape, StructureShape):
        return _structures(shape, depth)
    if isinstance(shape, ListShape):
        low, high = _size(shape)
        return st.lists(valid(shape.member, depth + 1), min_size=low, max_size=high)
    if isinstance(shape, MapShape):
        low, high = _size(shape)
        keys, values = valid(shape.key), valid(shape.value, depth + 1)
        return st.dictionaries(keys, values, min_size=low, max_size=high)
    return _scalars(shape)


@st.composite
def _structures(draw: st.DrawFn, shape: StructureShape, depth: int) -> dict[str, Any]:
    optional = [name for name in shape.members if name not in shape.required_members]
    chosen: list[str] = []
    if depth < _DEPTH and optional:
        chosen = draw(st.lists(st.sampled_from(optional), unique=True, max_size=_MOST))
    names = [*shape.required_members, *chosen]
    return {name: draw(valid(shape.members[name], depth + 1)) for name in names}


def _size(shape: Shape) -> tuple[int, int]:
    low = shape.metadata.get("min", 0)
    return low, max(low, min(shape.metadata.get("max", _MOST), _MOST))


def _scalars(shape: Shape) -> st.SearchStrategy[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    kind = shape.type_name
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return st.integers(0, 4 * 10**12).map(lambda millis: millis / 1000)
    if kind in {"integer", "long"}:
        return st.integers(0 if low is None else low, 2**31 - 1 if high is None else high)
    if kind in {"float", "double"}:
        return st.floats(low or 0, 1e6 if high is None else high, width=32)
    if kind == "blob":
        return st.binary(min_size=low or 0, max_size=min(high or 64, 64))
    return _strings(shape, low or 0, 20 if high is None else high)


def _strings(shape: Shape, low: int, high: int) -> st.SearchStrategy[str]:
    if enum := shape.metadata.get("enum"):
        return st.sampled_from(enum)
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return st.text(min_size=low, max_size=min(high, max(low, 20)))
    if "uD800" in pattern or "\ud800" in pattern:
        # Halves of surrogate pairs, as Java counts characters: nearly any text.
        return st.text(
            st.characters(codec="ascii", min_codepoint=32), min_size=max(low, 1), max_size=min(high, 20)
        )
    alphabet = st.characters(codec="ascii", categories=("L", "N", "P", "S"))
    if pattern.startswith(r"\p{Print}"):
        pattern = pattern.replace(r"\p{Print}", "[!-~]")
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    pattern = re.sub(r"(?<!\\)\[\[", "[", pattern).replace("]]", "]").replace(r"\z", r"\Z")
    judge = matcher(shape.metadata["pattern"])
    drawn = st.from_regex(pattern, fullmatch=True, alphabet=alphabet)
    return drawn.map(lambda text: text[:high]).filter(lambda text: len(text) >= low and bool(judge(text)))


def minimal(shape: Shape) -> Any:
    """The smallest value that keeps every constraint."""
    if isinstance(shape, StructureShape):
        return {name: minimal(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [minimal(shape.member)] * (shape.metadata.get("min") or 0)
    if isinstance(shape, MapShape):
        return {}
    low = shape.metadata.get("min") or 0
    if shape.type_name == "string":
        return _matching(shape, low)
    return False if shape.type_name == "boolean" else low


def _matching(shape: Shape, low: int) -> str:
    if enum := shape.metadata.get("enum"):
        return str(enum[0])
    pattern = shape.metadata.get("pattern")
    length = max(low, 1)
    examples = (
        *("a" * length, "s3://b/k", "/a", "a/b", "mig-1g.1gb", "1"),
        "arn:aws:iam::123456789012:role/r",
        "arn:aws:sns:us-east-1:123456789012:t",
        "arn:aws:sagemaker:us-east-1:123456789012:model/m",
        "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/1",
    )
    return next(text for text in examples if len(text) >= low and (not pattern or matcher(pattern)(text)))


def broken(shape: Shape, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Values in which exactly one constraint is broken, each with the path that the error must name."""
    if isinstance(shape, StructureShape):
        yield from _broken_structure(shape, path, depth)
        return
    if isinstance(shape, ListShape):
        yield from _broken_list(shape, path, depth)
        return
    if isinstance(shape, MapShape):
        if (high := shape.metadata.get("max")) and not shape.key.metadata.get("enum"):
            yield path, {f"k{number}": minimal(shape.value) for number in range(high + 1)}
        return
    for value in _broken_scalars(shape):
        yield path, value


def _broken_structure(shape: StructureShape, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    base = minimal(shape)
    for name, member in shape.members.items():
        inner = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
        if name in shape.required_members:
            yield inner, {other: value for other, value in base.items() if other != name}
        if depth < _DEPTH:
            for where, value in broken(member, inner, depth + 1):
                yield where, {**base, name: value}


def _broken_list(shape: ListShape, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if high := shape.metadata.get("max"):
        yield path, [minimal(shape.member)] * (high + 1)
    if low := shape.metadata.get("min"):
        yield path, [minimal(shape.member)] * (low - 1)
    nested = isinstance(shape.member, StructureShape | ListShape | MapShape)
    for where, value in broken(shape.member, f"{path}.1.member" if nested else path, depth + 1):
        yield where, [value]


def _broken_scalars(shape: Shape) -> Iterator[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in {"integer", "long", "float", "double"}:
        yield from ([] if high is None else [high + 1]) + ([] if low is None else [low - 1])
        return
    if shape.type_name != "string":
        return
    if high is not None:
        yield "a" * (high + 1)
    if low:
        yield "a" * (low - 1)
    if shape.metadata.get("enum"):
        yield "no-such-value"
    if pattern := shape.metadata.get("pattern"):
        suspects = (text for text in _SUSPECTS if low is None or len(text) >= low)
        yield from [text for text in suspects if not matcher(pattern)(text)][:1]
