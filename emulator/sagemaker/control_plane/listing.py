"""List*: filters, order and pages, over any kind of resource."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.protocol.errors import ValidationFailedError
from meshtwin.emulator.sagemaker.control_plane.resources import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meshtwin.emulator.sagemaker.control_plane.resources import Resource

_DEFAULT_PAGE = 10


def page(resources: Iterable[Resource], params: Mapping[str, Any]) -> tuple[Sequence[Resource], str | None]:
    """The resources that a List* call is to return, and the token of the next page if there is one.

    A token says after which resource the next page begins, so pages stay right while others come and go.

    Raises:
        ValidationFailedError: no List call returned the NextToken.
    """
    sort_by = params.get("SortBy", "CreationTime")
    descending = params.get("SortOrder", "Descending") == "Descending"
    found = sorted(
        (resource for resource in resources if _matches(resource, params)),
        key=lambda resource: _sort_key(resource, sort_by),
        reverse=descending,
    )
    if token := params.get("NextToken"):
        last = _parse_token(token, sort_by)
        found = [
            resource
            for resource in found
            if (_sort_key(resource, sort_by) < last if descending else _sort_key(resource, sort_by) > last)
        ]
    size = params.get("MaxResults", _DEFAULT_PAGE)
    shown = found[:size]
    return shown, _token(_sort_key(shown[-1], sort_by), sort_by) if len(found) > size else None


def _matches(resource: Resource, params: Mapping[str, Any]) -> bool:
    modified = resource.modified_at if isinstance(resource, Endpoint) else resource.created_at
    status = resource.status if isinstance(resource, Endpoint) else None
    return (
        params.get("NameContains", "").lower() in resource.key
        and resource.created_at < params.get("CreationTimeBefore", float("inf"))
        and resource.created_at > params.get("CreationTimeAfter", float("-inf"))
        and modified < params.get("LastModifiedTimeBefore", float("inf"))
        and modified > params.get("LastModifiedTimeAfter", float("-inf"))
        and params.get("StatusEquals", status) == status
    )


def _sort_key(resource: Resource, sort_by: str) -> tuple[str | float, str]:
    if sort_by == "Name":
        return resource.key, resource.key
    if sort_by == "Status" and isinstance(resource, Endpoint):
        return resource.status, resource.key
    return resource.created_at, resource.key


def _token(position: tuple[str | float, str], sort_by: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort_by, *position]).encode()).decode("ascii")


def _parse_token(token: str, sort_by: str) -> tuple[str | float, str]:
    try:
        match json.loads(base64.urlsafe_b64decode(token)):
            case [str(sorted_by), float(by) | str(by), str(key)] if sorted_by == sort_by and isinstance(
                by, float
            ) == (sort_by == "CreationTime"):
                return by, key
    except ValueError:
        pass
    raise ValidationFailedError(
        f"NextToken '{token[:64]}' was not returned by this List call with SortBy {sort_by}."
    )
