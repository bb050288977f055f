"""What the functions say to each other comes back as it was sent, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.contract import (
    MAX_ARTEFACTS,
    ContractError,
    ImageTask,
    StepFailure,
    VoxelSummary,
    VoxelTask,
    failure_of,
    job_prefix,
)
from meshtwin.minecraft.request import BuildRequest
from meshtwin.minecraft.voxel.options import BuildOptions, Order

SIDES = st.integers(0, 256)
SUMMARIES = st.builds(
    VoxelSummary,
    st.integers(0, 2**31),
    st.tuples(SIDES, SIDES, SIDES),
    st.integers(0, 2**31),
    st.dictionaries(st.text(), st.text(), max_size=5),
    st.dictionaries(st.text(), st.integers(0, 9), max_size=5),
)
IMAGE = ImageTask("0123456789ab", "a cat", 5, "s3://b/jobs/0123456789ab/image.png")
VOXELS = VoxelTask(
    *("0123456789ab", "s3://b/j/textured.glb", "s3://b/j/"),
    BuildOptions(palette=("stone",), exclude=("sand",), rotation=3, order=Order.GROUND),
)


@given(SUMMARIES)
def test_a_summary_comes_back(summary: VoxelSummary) -> None:
    assert VoxelSummary.from_json(summary.to_json()) == summary


@given(st.builds(StepFailure, st.text(min_size=1), st.text(min_size=1), st.booleans()))
def test_a_failure_comes_back(failure: StepFailure) -> None:
    assert StepFailure.from_json(failure.to_json()) == failure


def test_tasks_come_back() -> None:
    assert ImageTask.from_event(IMAGE.to_event()) == IMAGE
    assert VoxelTask.from_event(VOXELS.to_event()) == VOXELS
    assert IMAGE.to_event()["jobId"] == "0123456789ab"
    assert failure_of(job_prefix("x") + "image.png") == "jobs/x/image.png.failure.json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": -1}, "size -1: expected small, medium, large or 8..256"),
        ({"rotation": True}, "rotation True"),
        ({"output_prefix_s3": "s3://b/j"}, "ends with /"),
        ({"anchor": {"x": 1}}, "x, y and z"),
        ({"palette": 5}, "palette 5: expected default"),
        ({"jobId": ""}, "non-empty"),
        ({"dimension": "The End"}, "dimension 'The End': expected an identifier"),
        ({"anchor": {"x": "a", "y": 1, "z": 2}}, "x, y and z"),
        ({"palette": ["stone", 5]}, "palette"),
        ({"exclude": [None]}, "exclude"),
        ({"kinds": "x"}, "kinds 'x'"),
        ({"dither": "x"}, "0..1"),
        ({"smoothing": 2}, "0..1"),
        ({"order": ["any"]}, "any or ground"),
        ({"clear_air": 1}, "true or false"),
        ({"attempt_id": 1}, "a string"),
        ({"unknown": 1}, "unknown '1'"),
    ],
)
def test_an_event_that_is_none_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        VoxelTask.from_event({**VOXELS.to_event(), **change})


@pytest.mark.parametrize(
    ("world", "dimension"),
    [
        *(("", "minecraft:overworld"), ("world", "minecraft:overworld"), ("My World", "minecraft:overworld")),
        *(("world_nether", "minecraft:the_nether"), ("flat_the_end", "minecraft:the_end")),
        *(("minecraft:the_end", "minecraft:the_end"), ("a_mod:a_nether", "a_mod:a_nether")),
    ],
)
def test_a_worlds_name_says_its_dimension(world: str, dimension: str) -> None:
    assert BuildRequest("a cat", world=world).dimension == dimension


def test_every_field_of_an_event_is_checked() -> None:
    """No value of a kind that a field never has gets past, whatever field it is."""
    for task in (IMAGE, VOXELS):
        for name in task.to_event():
            with pytest.raises(ContractError, match=name):
                type(task).from_event({**task.to_event(), name: {"strange": b"x"}})


@pytest.mark.parametrize("event", [None, [], "x", {}, {"jobId": "x"}])
def test_what_is_no_event(event: object) -> None:
    for task in (ImageTask, VoxelTask):
        with pytest.raises(ContractError):
            task.from_event(event)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", b"\xff", '{"blocks": 1, "size": 5, "commands": 1}'),
        *('{"blocks": 1, "size": [1, 2], "commands": 1}', '{"blocks": -1, "size": [1, 2, 3], "commands": 1}'),
        '{"blocks": 1, "size": [1, 2, 3], "commands": 1, "artefacts": []}',
    ],
)
def test_what_is_no_summary(text: str | bytes) -> None:
    with pytest.raises(ContractError):
        VoxelSummary.from_json(text)


def test_a_summary_names_no_more_artefacts_than_a_reply_has_room_for() -> None:
    many = {str(number): "key" for number in range(MAX_ARTEFACTS + 1)}
    with pytest.raises(ContractError, match="at most 64"):
        VoxelSummary.from_json(VoxelSummary(1, (1, 1, 1), 1, many).to_json())
