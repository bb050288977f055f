from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.model import DenormalizedStructureBuilder, Shape, ShapeResolver
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.protocol.constraints import compile_check, oversized
from meshtwin.emulator.core.protocol.errors import constraint_violations


def shape(members: dict[str, dict[str, Any]], *, required: tuple[str, ...] = ()) -> Shape:
    shapes: Any = {
        "Input": {
            "type": "structure",
            "required": list(required),
            "members": {name: {"shape": f"{name}Shape"} for name in members},
        }
    }
    for name, member in members.items():
        shapes[f"{name}Shape"] = member
    shapes["Text"] = {"type": "string", "max": 3, "pattern": "[a-z]+"}
    shapes["Row"] = {"type": "list", "member": {"shape": "Text"}, "max": 2}
    shapes["Variant"] = {
        "type": "structure",
        "required": ["Name"],
        "members": {"Name": {"shape": "Text"}, "Next": {"shape": "Variant"}},
    }
    return ShapeResolver(shapes).get_shape_by_name("Input")


def violations(members: dict[str, dict[str, Any]], value: object, **options: Any) -> list[str]:
    check = compile_check(shape(members, **options))
    found: list[str] = []
    assert check is not None
    check(value, "", found)
    return found


def test_a_missing_member_is_null() -> None:
    assert violations({"EndpointName": {"type": "string"}}, {}, required=("EndpointName",)) == [
        "Value null at 'endpointName' failed to satisfy constraint: Member must not be null"
    ]


@pytest.mark.parametrize(
    ("member", "value", "statement"),
    [
        ({"type": "string", "max": 3}, "abcd", "Member must have length less than or equal to 3"),
        ({"type": "string", "min": 2}, "é", "Member must have length greater than or equal to 2"),
        ({"type": "integer", "max": 9}, 10, "Member must have value less than or equal to 9"),
        ({"type": "integer", "min": 1}, 0, "Member must have value greater than or equal to 1"),
        ({"type": "integer", "min": 0}, -1, "Member must have value greater than or equal to 0"),
        ({"type": "float", "min": 0}, -0.5, "Member must have value greater than or equal to 0"),
        ({"type": "string", "enum": ["A", "B"]}, "C", "Member must satisfy enum value set: [A, B]"),
        ({"type": "string", "enum": ["B", "A"]}, "C", "Member must satisfy enum value set: [A, B]"),
        (
            {"type": "string", "pattern": "[a-z]+"},
            "A",
            "Member must satisfy regular expression pattern: [a-z]+",
        ),
    ],
)
def test_a_broken_constraint_names_value_member_and_constraint(
    member: dict[str, Any], value: object, statement: str
) -> None:
    assert violations({"Name": member}, {"Name": value}) == [
        f"Value '{value}' at 'name' failed to satisfy constraint: {statement}"
    ]


def test_all_that_is_wrong_is_said_at_once() -> None:
    members = {"A": {"type": "string", "min": 3, "pattern": "[a-z]+"}, "B": {"type": "integer", "max": 1}}
    found = violations(members, {"A": "1", "B": 2})
    error = constraint_violations(found)
    assert error.message.startswith("3 validation errors detected: Value '1' at 'a' failed")
    assert error.message.count("; Value ") == 2
    assert constraint_violations(found[:1]).message.startswith("1 validation error detected: ")


def test_members_of_lists_and_maps_are_told_by_their_place() -> None:
    members: dict[str, dict[str, Any]] = {
        "Variants": {"type": "list", "member": {"shape": "Variant"}, "max": 1},
        "Names": {"type": "list", "member": {"shape": "Text"}},
        "Env": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    }
    value = {
        "Variants": [{"Name": "a"}, {"Name": "b", "Next": {}}],
        "Names": ["a", "B"],
        "Env": {"KEY": "v"},
    }
    found = violations(members, value)
    assert found[0].endswith(
        "at 'variants' failed to satisfy constraint: Member must have length less than or equal to 1"
    )
    assert found[1].startswith("Value null at 'variants.2.member.next.name' failed")
    assert found[2] == (
        "Value '[a, B]' at 'names' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 3, "
        "Member must satisfy regular expression pattern: [a-z]+]"
    )
    assert found[3].startswith("Value '{KEY=v}' at 'env' failed to satisfy constraint: Map keys must satisfy")


def test_blobs_are_counted_in_bytes_and_never_shown() -> None:
    blob = {"type": "blob", "max": 3}
    assert violations({"Body": blob}, {"Body": "é!".encode()}) == []
    too_long = "Value at 'body' failed to satisfy constraint: Member must have length less than or equal to 3"
    assert violations({"Body": blob}, {"Body": "éé".encode()}) == [too_long]
    structure: Any = shape({"Body": blob})
    assert oversized(structure.members["Body"], "Body") == too_long


def test_a_sensitive_value_is_not_shown() -> None:
    found = violations({"Secret": {"type": "string", "max": 3, "sensitive": True}}, {"Secret": "password"})
    assert "password" not in found[0]


def test_a_pattern_is_not_tried_on_what_is_too_long() -> None:
    started = time.process_time()
    found = violations({"Name": {"type": "string", "max": 64, "pattern": "(a|a)*b"}}, {"Name": "a" * 100_000})
    assert len(found) == 1
    assert len(found[0]) < 3000
    assert time.process_time() - started < 0.5


@given(st.text(max_size=8), st.integers(0, 4), st.integers(0, 4))
def test_lengths_are_exactly_as_the_model_says(text: str, low: int, more: int) -> None:
    member = {"type": "string", "min": low, "max": low + more}
    assert (violations({"Name": member}, {"Name": text}) == []) == (low <= len(text) <= low + more)


def test_a_shape_without_constraints_needs_no_check() -> None:
    free = DenormalizedStructureBuilder().with_members({"A": {"type": "string"}}).build_model()
    assert compile_check(free) is None


def test_a_shape_may_hold_itself() -> None:
    members = {"Head": {"type": "list", "member": {"shape": "Variant"}}}
    deep = {"Head": [{"Name": "a", "Next": {"Name": "b", "Next": {"Name": "C"}}}]}
    assert len(violations(members, deep)) == 1


def test_lists_of_lists_are_checked_all_the_way_down() -> None:
    members: dict[str, dict[str, Any]] = {"Rows": {"type": "list", "member": {"shape": "Row"}}}
    found = violations(members, {"Rows": [["a"], ["b", "c", "D"]]})
    assert [line.partition(" failed")[0] for line in found] == [
        "Value '[b, c, D]' at 'rows.2.member'",
        "Value '[b, c, D]' at 'rows.2.member'",
    ]
