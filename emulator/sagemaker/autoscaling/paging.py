"""Pages of Application Auto Scaling's Describe* calls."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeVar

from meshtwin.emulator.core.protocol.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

_DEFAULT_PAGE = 50
"""https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html"""


def page(
    found: Sequence[T], params: Mapping[str, Any], name_of: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """The part of `found` that a call is to return, in its order, and the token of the next page, if any.

    Raises:
        ServiceError: InvalidNextTokenException, where no such call returned the token.
    """
    start = 0
    if token := params.get("NextToken"):
        names = [name_of(one) for one in found]
        try:
            start = names.index(base64.urlsafe_b64decode(token).decode()) + 1
        except (ValueError, binascii.Error):
            raise ServiceError(
                f"NextToken '{token[:64]}' was not returned by this call.",
                code="InvalidNextTokenException",
                status=400,
            ) from None
    end = start + params.get("MaxResults", _DEFAULT_PAGE)
    shown = found[start:end]
    more = end < len(found)
    return shown, base64.urlsafe_b64encode(name_of(shown[-1]).encode()).decode() if more else None
