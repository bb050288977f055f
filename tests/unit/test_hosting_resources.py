from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.sagemaker.control_plane.listing import page
from meshtwin.emulator.sagemaker.control_plane.resources import (
    TRANSITIONS,
    Arns,
    Endpoint,
    Kind,
    Resource,
    Status,
)

NAMES = st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,8}", fullmatch=True)
DOCUMENTS = st.recursive(
    st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.text(), DOCUMENTS, max_size=3)


def endpoint(**changes: Any) -> Endpoint:
    given: dict[str, Any] = {"name": "E", "arn": "arn", "created_at": 1.0, "params": {}, **changes}
    return Endpoint(kind=Kind.ENDPOINT, **given)


@given(NAMES, PARAMS, st.dictionaries(st.text(), st.text()), st.floats(0, 4e9))
def test_a_resource_is_what_its_document_says(
    name: str, params: dict[str, Any], tags: dict[str, str], created: float
) -> None:
    model = Resource(Kind.MODEL, name, "arn", created, params, tags)
    assert Resource.parse(model.document()) == model


@given(PARAMS, PARAMS, st.sampled_from(Status), st.none() | st.text())
def test_an_endpoint_is_what_its_document_says(
    config: dict[str, Any], model: dict[str, Any], status: Status, reason: str | None
) -> None:
    made = endpoint(config=config, model=model, status=status, failure_reason=reason)
    assert Endpoint.parse(made.document()) == made


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_an_endpoint_goes_only_where_the_table_says(before: Status, after: Status) -> None:
    made = endpoint(status=before)
    if after not in TRANSITIONS[before]:
        with pytest.raises(ValueError, match=f"{before} cannot become {after}"):
            made.advance(after, 2.0)
        return
    moved = made.advance(after, 2.0, "because" * 1000)
    assert (moved.status, moved.modified_at, moved.created_at) == (after, 2.0, 1.0)
    assert moved.failure_reason is not None
    assert len(moved.failure_reason) == 1024


@given(st.sampled_from(Kind), NAMES, st.booleans())
def test_an_arn_leads_back_to_its_resource(kind: Kind, name: str, lowercase: bool) -> None:
    arn = Arns("eu-west-1", "123456789012", lowercase=lowercase).of(kind, name)
    assert Arns.parse(arn) == (kind, name.lower())


@pytest.mark.parametrize(
    ("region", "start"),
    [("us-east-1", "arn:aws:"), ("cn-north-1", "arn:aws-cn:"), ("us-gov-west-1", "arn:aws-us-gov:")],
)
def test_an_arn_is_of_its_regions_partition(region: str, start: str) -> None:
    assert Arns(region, "1").of(Kind.MODEL, "m").startswith(f"{start}sagemaker:{region}:1:model/m")


def test_an_arn_of_something_else_is_nobodys() -> None:
    assert Arns.parse("arn:aws:sagemaker:us-east-1:1:pipeline/p") is None
    assert Arns.parse("nonsense") is None


@given(
    names=st.lists(NAMES, unique_by=str.lower, max_size=12),
    times=st.data(),
    size=st.integers(1, 5),
    by=st.sampled_from(["Name", "CreationTime", "Status"]),
    order=st.sampled_from(["Ascending", "Descending"]),
)
def test_pages_put_together_are_the_whole_list(
    names: list[str], times: st.DataObject, size: int, by: str, order: str
) -> None:
    moments = st.integers(0, 3).map(float)
    made = [
        endpoint(name=name, created_at=times.draw(moments), status=times.draw(st.sampled_from(Status)))
        for name in names
    ]
    params: dict[str, Any] = {"SortBy": by, "SortOrder": order, "MaxResults": size}
    found: list[Resource] = []
    token: str | None = ""
    while token is not None:
        shown, token = page(made, {**params, "NextToken": token} if token else params)
        assert len(shown) <= size
        found += shown
    assert len(found) == len(made)
    assert {each.name for each in found} == set(names)
    keys = {"Name": lambda e: e.key, "CreationTime": lambda e: e.created_at, "Status": lambda e: e.status}
    assert [keys[by](each) for each in found] == sorted(
        (keys[by](each) for each in made), reverse=order == "Descending"
    )
