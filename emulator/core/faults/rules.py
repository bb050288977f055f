"""What may go wrong on purpose, and the rule for where, how and how often.

Documents of a rule, as `POST /_emulator/faults` takes them:

    {"place": "api", "effect": "throttle", "operation": "InvokeEndpointAsync", "probability": 0.3, "seed": 7}
    {"place": "container", "effect": "status", "status": 500, "times": 2, "endpoint": "demo"}
    {"place": "emulator", "effect": "kill", "stage": "answered", "times": 1}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from meshtwin.emulator.core.bounds import Between, Matching, expectation

if TYPE_CHECKING:
    from collections.abc import Mapping


class FaultPoint(StrEnum):
    """Where a fault strikes."""

    API = "api"
    INPUT = "input"
    OUTPUT = "output"
    CONTAINER = "container"
    DELIVERY = "delivery"
    NOTICE = "notice"
    END = "end"
    CONFIG = "config"
    EMULATOR = "emulator"


class Stage(StrEnum):
    """The steps of a request's life, in their order: where the emulator can be made to die."""

    ACCEPT = "accept"
    """Before it is written."""
    ACCEPTED = "accepted"
    """Written; its caller has no answer yet."""
    CLAIMED = "claimed"
    FETCHED = "fetched"
    """The input has been read."""
    SENT = "sent"
    """The container has it, and has not answered."""
    ANSWERED = "answered"
    WRITING = "writing"
    """Before the object is in S3."""
    WRITTEN = "written"
    NOTIFIED = "notified"
    RECORDED = "recorded"


EFFECTS: Mapping[FaultPoint, Mapping[str, frozenset[str]]] = {
    FaultPoint.API: {
        "error": frozenset({"operation", "code", "status", "message"}),
        "throttle": frozenset({"operation"}),
        "delay": frozenset({"operation", "seconds"}),
    },
    FaultPoint.INPUT: {"fail": frozenset({"message"}), "delay": frozenset({"seconds"})},
    FaultPoint.OUTPUT: {"fail": frozenset({"message"}), "delay": frozenset({"seconds"})},
    FaultPoint.CONTAINER: {
        "status": frozenset({"status", "body"}),
        "hang": frozenset(),
        "crash": frozenset(),
        "chunked": frozenset(),
    },
    FaultPoint.DELIVERY: {"duplicate": frozenset()},
    FaultPoint.NOTICE: {"lose": frozenset()},
    FaultPoint.END: {"neither": frozenset()},
    FaultPoint.CONFIG: {"hide": frozenset({"seconds"})},
    FaultPoint.EMULATOR: {"kill": frozenset({"stage"})},
}
"""Which effects each place has, and what each takes beside `endpoint`, `probability`, `times` and `seed`."""

_COMMON = frozenset({"id", "place", "effect", "endpoint", "probability", "times", "seed"})


class BadRuleError(ValueError):
    """A rule that makes no sense; the message names field, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault. `seconds` are on the emulator's clock for the API and the configuration, else real."""

    place: FaultPoint
    effect: str
    id: str = ""
    endpoint: str | None = None
    probability: Annotated[float, Between(0, 1)] = 1.0
    times: Annotated[int, Between(1, 10**9)] | None = None
    """Strikes this many times and is spent; None: without end."""
    seed: int = 0
    operation: str | None = None
    stage: Stage | None = None
    code: Annotated[str, Matching(r"[A-Za-z0-9._:#-]+", "letters, such as ThrottlingException")] = (
        "InternalFailure"
    )
    status: Annotated[int, Between(400, 599)] = 500
    message: str = "injected fault"
    body: str = '{"error": "injected fault"}'
    seconds: Annotated[float, Between(0, 24 * 3600)] = 1.0

    def document(self) -> dict[str, Any]:
        """The rule as it was given, less what does not concern it."""
        shown = _COMMON | EFFECTS[self.place][self.effect]
        return {name: value for name, value in asdict(self).items() if name in shown and value is not None}


_HINTS = get_type_hints(Rule, include_extras=True)


def parse_rule(document: Mapping[str, Any], rule_id: str) -> Rule:
    """The rule that a JSON object describes.

    Raises:
        BadRuleError: a field is unknown, missing, or has a value that it cannot have.
    """
    place = _one_of(document, "place", list(FaultPoint))
    effects = EFFECTS[FaultPoint(place)]
    effect = _one_of(document, "effect", list(effects))
    allowed = _COMMON | effects[effect]
    unknown = document.keys() - allowed
    if unknown:
        raise BadRuleError(f"{sorted(unknown)}: {place}/{effect} takes {', '.join(sorted(allowed))}")
    values = {name: document[name] for name in allowed & document.keys()} | {"id": rule_id}
    for name, value in values.items():
        expected = expectation(_HINTS[name], value)
        if expected is not None:
            raise BadRuleError(f"{name} {value!r}: expected {expected}")
    if effect == "kill":
        values["stage"] = Stage(_one_of(document, "stage", list(Stage)))
    return Rule(**{**values, "place": FaultPoint(place), "effect": effect})


def _one_of(document: Mapping[str, Any], name: str, allowed: list[str]) -> str:
    value = document.get(name)
    if value not in allowed:
        raise BadRuleError(f"{name} {value!r}: expected one of {', '.join(allowed)}")
    return str(value)
