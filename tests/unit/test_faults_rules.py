from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.faults.rules import EFFECTS, BadRuleError, FaultPoint, Stage, parse_rule

PAIRS = [(place, effect) for place, effects in EFFECTS.items() for effect in effects]


def strikes(faults: Faults, times: int, place: FaultPoint = FaultPoint.NOTICE, **facts: Any) -> list[bool]:
    return [faults.draw(place, **facts) is not None for _ in range(times)]


@pytest.mark.parametrize(("place", "effect"), PAIRS)
def test_every_effect_can_be_asked_for_and_is_listed_as_it_was_given(place: FaultPoint, effect: str) -> None:
    document = {"place": str(place), "effect": effect, "endpoint": "e", "times": 2}
    if effect == "kill":
        document["stage"] = "sent"
    faults = Faults()
    listed = faults.add(document)
    assert document.items() <= listed.items()
    assert (listed["asked"], listed["struck"]) == (0, 0)
    stage = Stage.SENT if effect == "kill" else None
    assert strikes(faults, 3, place, endpoint="e", stage=stage) == [True, True, False]
    assert faults.list() == [{**listed, "asked": 2, "struck": 2}]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "place None: expected one of api, input"),
        ({"place": "moon", "effect": "fail"}, "place 'moon': expected one of"),
        ({"place": "input"}, "effect None: expected one of fail, delay"),
        ({"place": "input", "effect": "hang"}, "effect 'hang': expected one of fail, delay"),
        ({"place": "input", "effect": "fail", "stage": "sent"}, "['stage']: input/fail takes"),
        ({"place": "input", "effect": "fail", "probability": 1.1}, "probability 1.1: expected 0 to 1"),
        ({"place": "input", "effect": "fail", "probability": "0.5"}, "probability '0.5'"),
        ({"place": "input", "effect": "fail", "times": 0}, "times 0: expected 1 to"),
        ({"place": "input", "effect": "fail", "times": True}, "times True"),
        ({"place": "input", "effect": "fail", "probability": None}, "probability None: expected a number"),
        ({"place": "api", "effect": "error", "code": "é"}, "code 'é': expected letters, such as Thrott"),
        ({"place": "input", "effect": "delay", "seconds": -1}, "seconds -1: expected 0 to 86400"),
        ({"place": "container", "effect": "status", "status": 200}, "status 200: expected 400 to 599"),
        ({"place": "emulator", "effect": "kill"}, "stage None: expected one of accept"),
        ({"place": "emulator", "effect": "kill", "stage": "lunch"}, "stage 'lunch'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field_and_value(
    document: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRuleError) as caught:
        parse_rule(document, "r")
    assert words in str(caught.value)


def test_a_rule_strikes_where_its_filters_say() -> None:
    faults = Faults()
    faults.add({"place": "api", "effect": "throttle", "operation": "CreateModel"})
    faults.add({"place": "notice", "effect": "lose", "endpoint": "a"})
    assert faults.draw(FaultPoint.API, operation="CreateModel") is not None
    assert faults.draw(FaultPoint.API, operation="DeleteModel") is None
    assert faults.draw(FaultPoint.NOTICE, endpoint="a") is not None
    assert faults.draw(FaultPoint.NOTICE, endpoint="b") is None
    assert faults.draw(FaultPoint.END, endpoint="a") is None


def test_a_star_stands_for_every_operation() -> None:
    faults = Faults()
    faults.add({"place": "api", "effect": "error", "operation": "*", "times": 1})
    assert faults.draw(FaultPoint.API, operation="ListModels") is not None


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_the_same_seed_strikes_the_same(seed: int, probability: float) -> None:
    rule = {"place": "notice", "effect": "lose", "probability": probability, "seed": seed}
    runs = []
    for _ in range(2):
        faults = Faults()
        faults.add(rule)
        runs.append(strikes(faults, 30))
    assert runs[0] == runs[1]
    if probability == 0:
        assert not any(runs[0])
    if probability == 1:
        assert all(runs[0])


def test_a_rule_strikes_as_often_as_it_says_from_many_threads() -> None:
    faults = Faults()
    faults.add({"place": "notice", "effect": "lose", "times": 50})
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.extend(strikes(faults, 100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 50


def test_rules_are_replaced_by_id_removed_and_cleared() -> None:
    faults = Faults()
    faults.add({"id": "one", "place": "notice", "effect": "lose", "times": 1})
    faults.add({"id": "one", "place": "end", "effect": "neither"})
    assert [rule["place"] for rule in faults.list()] == ["end"]
    assert faults.remove("one")
    assert not faults.remove("one")
    faults.add({"place": "notice", "effect": "lose"})
    faults.clear()
    assert faults.list() == []
    assert faults.draw(FaultPoint.NOTICE) is None
