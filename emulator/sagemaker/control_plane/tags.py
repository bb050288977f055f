"""AddTags, DeleteTags and ListTags, on whatever has an ARN here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshtwin.emulator.core.protocol.errors import ValidationFailedError
from meshtwin.emulator.sagemaker.control_plane.models import Result, tags_of
from meshtwin.emulator.sagemaker.control_plane.resources import Arns, Resource

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        AddTagsInputTypeDef,
        DeleteTagsInputTypeDef,
        ListTagsInputTypeDef,
    )

    from meshtwin.emulator.core.protocol.operations import RequestContext
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry

_MOST = 50


class Tags:
    """Keys and values that users attach to resources."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def add(self, _: RequestContext, params: AddTagsInputTypeDef) -> Result:
        """AddTags; the answer has all tags that the resource now has."""
        async with self._registry.lock:
            resource = self._find(params["ResourceArn"])
            tags = {**resource.tags, **tags_of(params["Tags"])}
            if len(tags) > _MOST:
                raise ValidationFailedError(f"{resource.arn}: {len(tags)} tags, at most {_MOST} are allowed.")
            await self._registry.put(replace(resource, tags=tags))
        return {"Tags": _listed(tags)}

    async def delete(self, _: RequestContext, params: DeleteTagsInputTypeDef) -> Result:
        """DeleteTags; keys that are not there do not matter."""
        async with self._registry.lock:
            resource = self._find(params["ResourceArn"])
            gone = set(params["TagKeys"])
            tags = {key: value for key, value in resource.tags.items() if key not in gone}
            await self._registry.put(replace(resource, tags=tags))
        return {}

    async def list(self, _: RequestContext, params: ListTagsInputTypeDef) -> Result:
        """ListTags: on one page, for there are at most 50."""
        return {"Tags": _listed(dict(self._find(params["ResourceArn"]).tags))}

    def _find(self, arn: str) -> Resource:
        named = Arns.parse(arn)
        if named is None:
            raise ValidationFailedError(
                f"ResourceArn {arn}: expected the ARN of a model, endpoint configuration or endpoint."
            )
        return self._registry.get(*named)


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
