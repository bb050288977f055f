"""What a service's model demands of each member, compiled once into functions that check it.

Wording follows the services' own: a violation reads `Value 'x' at 'memberName' failed to satisfy constraint:
Member must ...`, members of lists and maps are `Member must satisfy constraint: [...]`, and the value of a
sensitive member or a blob is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from meshtwin.emulator.core.protocol.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Check = Callable[[Any, str, list[str]], None]
"""Looks at a value found at a path (`productionVariants.1.member.variantName`) and adds what is wrong."""

_SIZED = frozenset({"string", "blob", "list", "map"})
_NUMBERS = frozenset({"integer", "long", "float", "double"})
NULL = "Member must not be null"

_MOST_VIOLATIONS = 50
"""After so many, further members of lists and maps are not checked, so that answers stay short."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint on a value, as text and as a test."""

    statement: str
    broken: Callable[[Any], bool]


def camel(member: str) -> str:
    """How a member is called in the services' messages: `EndpointName` is `endpointName`."""
    return member[:1].lower() + member[1:]


def compile_check(shape: Shape) -> Check | None:
    """The check of a shape and of all below it; None where any value will do."""
    return _Compiler().check(shape)


class _Compiler:
    """Knows the shapes that are being compiled, because shapes may hold themselves."""

    def __init__(self) -> None:
        self._done: dict[str, Check | None] = {}

    def check(self, shape: Shape) -> Check | None:
        if isinstance(shape, StructureShape):
            return self._once(shape, self._structure)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        return _leaf(shape)

    def _once(self, shape: StructureShape, build: Callable[[StructureShape], Check | None]) -> Check | None:
        name = shape.name
        if name not in self._done:
            # Until it is built, a shape that contains itself gets a check that finds it when called.
            self._done[name] = lambda value, path, out: (
                built(value, path, out) if (built := self._done[name]) else None
            )
            self._done[name] = build(shape)
        return self._done[name]

    def _of_member(self, member: Shape) -> tuple[tuple[Constraint, ...], Check | None]:
        """What a list's or map's member must be: constraints stated for all at once, or a check of each."""
        if isinstance(member, StructureShape | ListShape | MapShape):
            return (), self.check(member)
        return rules(member), None

    def _structure(self, shape: StructureShape) -> Check | None:
        required = tuple((name, camel(name)) for name in shape.required_members)
        members = tuple(
            (name, camel(name), check)
            for name, member in shape.members.items()
            if (check := self.check(member)) is not None
        )
        if not required and not members:
            return None

        def check_structure(value: Mapping[str, Any], path: str, out: list[str]) -> None:
            prefix = f"{path}." if path else ""
            for name, shown in required:
                if name not in value:
                    out.append(f"Value null at '{prefix}{shown}' failed to satisfy constraint: {NULL}")
            for name, shown, check in members:
                if (member := value.get(name)) is not None:
                    check(member, prefix + shown, out)

        return check_structure

    def _list(self, shape: ListShape) -> Check | None:
        own = _leaf(shape)
        scalar, below = self._of_member(shape.member)
        if own is None and not scalar and below is None:
            return None

        def check_list(value: Sequence[Any], path: str, out: list[str]) -> None:
            if own is not None:
                own(value, path, out)
            if any(rule.broken(item) for rule in scalar for item in value):
                out.append(_violation(shape, value, path, f"Member must satisfy constraint: {_all(scalar)}"))
            if below is not None:
                for position, item in enumerate(value, 1):
                    if len(out) >= _MOST_VIOLATIONS:
                        break
                    below(item, f"{path}.{position}.member", out)

        return check_list

    def _map(self, shape: MapShape) -> Check | None:
        own = _leaf(shape)
        keys = rules(shape.key)
        values, below = self._of_member(shape.value)

        def check_map(value: Mapping[str, Any], path: str, out: list[str]) -> None:
            if own is not None:
                own(value, path, out)
            if any(rule.broken(key) for rule in keys for key in value):
                out.append(_violation(shape, value, path, f"Map keys must satisfy constraint: {_all(keys)}"))
            if any(rule.broken(item) for rule in values for item in value.values()):
                statement = f"Map value must satisfy constraint: {_all(values)}"
                out.append(_violation(shape, value, path, statement))
            if below is not None:
                for key, item in value.items():
                    if len(out) >= _MOST_VIOLATIONS:
                        break
                    below(item, f"{path}.{key}.member", out)

        return check_map


def rules(shape: Shape) -> tuple[Constraint, ...]:
    """The constraints that a shape itself states: length or range, pattern and enum."""
    found = []
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in _SIZED:
        found += _bounds("length", low, high, len)
    elif shape.type_name in _NUMBERS:
        found += _bounds("value", low, high, lambda value: value)
    if pattern := shape.metadata.get("pattern"):
        statement = f"Member must satisfy regular expression pattern: {pattern}"
        found.append(Constraint(statement, _breaks_pattern(pattern, high)))
    if allowed := shape.metadata.get("enum"):
        statement = f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"
        found.append(Constraint(statement, _outside(frozenset(allowed))))
    return tuple(found)


def _bounds(
    what: str, low: float | None, high: float | None, measure: Callable[[Any], float]
) -> list[Constraint]:
    found = []
    if high is not None:
        statement = f"Member must have {what} less than or equal to {high}"
        found.append(Constraint(statement, lambda value: measure(value) > high))
    if low:  # a minimum of 0 does not limit a length, and no number in use here may be negative
        statement = f"Member must have {what} greater than or equal to {low}"
        found.append(Constraint(statement, lambda value: measure(value) < low))
    elif low == 0 and what == "value":
        found.append(Constraint("Member must have value greater than or equal to 0", lambda value: value < 0))
    return found


def _outside(allowed: frozenset[str]) -> Callable[[str], bool]:
    return lambda value: value not in allowed


def _breaks_pattern(pattern: str, longest: int | None) -> Callable[[str], bool]:
    """True for a string that does not match.

    One that is too long anyway is not matched: some patterns take time that grows with its square.
    """
    matches = matcher(pattern)
    if longest is None:
        return lambda value: matches(value) is None
    return lambda value: len(value) <= longest and matches(value) is None


def _leaf(shape: Shape) -> Check | None:
    own = rules(shape)
    if not own:
        return None

    def check_leaf(value: object, path: str, out: list[str]) -> None:
        broken = [rule for rule in own if rule.broken(value)]
        out.extend(_violation(shape, value, path, rule.statement) for rule in broken)

    return check_leaf


def _all(own: tuple[Constraint, ...]) -> str:
    return "[" + ", ".join(rule.statement for rule in own) + "]"


def _violation(shape: Shape, value: object, path: str, statement: str) -> str:
    hidden = shape.type_name == "blob" or shape.metadata.get("sensitive", False)
    shown = "Value" if hidden else f"Value '{_shown(value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {statement}"


def _shown(value: object) -> str:
    """A value as Java's toString has it, cut where it would swamp the message."""
    longest = 2048
    if isinstance(value, list):
        text = "[" + ", ".join(map(str, value)) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}={item}" for key, item in value.items()) + "}"
    else:
        text = str(value)
    return text if len(text) <= longest else text[:longest] + "..."


def oversized(shape: Shape, member: str) -> str:
    """The violation of a payload that was not read to its end, because it is longer than its maximum."""
    statement = f"Member must have length less than or equal to {shape.metadata['max']}"
    return _violation(shape, b"", camel(member), statement)
