"""Which operations of the control plane are served, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from meshtwin.emulator.core.protocol.gateway import Service

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import type_defs

    from meshtwin.emulator.core.protocol.operations import Handler
    from meshtwin.emulator.sagemaker.control_plane.endpoints import Endpoints
    from meshtwin.emulator.sagemaker.control_plane.models import EndpointConfigs, Models
    from meshtwin.emulator.sagemaker.control_plane.tags import Tags


class _Handlers(TypedDict):
    CreateModel: Handler[type_defs.CreateModelInputTypeDef]
    DescribeModel: Handler[type_defs.DescribeModelInputTypeDef]
    DeleteModel: Handler[type_defs.DeleteModelInputTypeDef]
    ListModels: Handler[type_defs.ListModelsInputTypeDef]
    CreateEndpointConfig: Handler[type_defs.CreateEndpointConfigInputTypeDef]
    DescribeEndpointConfig: Handler[type_defs.DescribeEndpointConfigInputTypeDef]
    DeleteEndpointConfig: Handler[type_defs.DeleteEndpointConfigInputTypeDef]
    ListEndpointConfigs: Handler[type_defs.ListEndpointConfigsInputTypeDef]
    CreateEndpoint: Handler[type_defs.CreateEndpointInputTypeDef]
    UpdateEndpoint: Handler[type_defs.UpdateEndpointInputTypeDef]
    UpdateEndpointWeightsAndCapacities: Handler[type_defs.UpdateEndpointWeightsAndCapacitiesInputTypeDef]
    DescribeEndpoint: Handler[type_defs.DescribeEndpointInputTypeDef]
    DeleteEndpoint: Handler[type_defs.DeleteEndpointInputTypeDef]
    ListEndpoints: Handler[type_defs.ListEndpointsInputTypeDef]
    AddTags: Handler[type_defs.AddTagsInputTypeDef]
    DeleteTags: Handler[type_defs.DeleteTagsInputTypeDef]
    ListTags: Handler[type_defs.ListTagsInputTypeDef]


def control_plane_service(
    models: Models, configs: EndpointConfigs, endpoints: Endpoints, tags: Tags
) -> Service:
    """SageMaker's API, for a gateway."""
    handlers: _Handlers = {
        "CreateModel": models.create,
        "DescribeModel": models.describe,
        "DeleteModel": models.delete,
        "ListModels": models.list,
        "CreateEndpointConfig": configs.create,
        "DescribeEndpointConfig": configs.describe,
        "DeleteEndpointConfig": configs.delete,
        "ListEndpointConfigs": configs.list,
        "CreateEndpoint": endpoints.create,
        "UpdateEndpoint": endpoints.update,
        "UpdateEndpointWeightsAndCapacities": endpoints.update_capacities,
        "DescribeEndpoint": endpoints.describe,
        "DeleteEndpoint": endpoints.delete,
        "ListEndpoints": endpoints.list,
        "AddTags": tags.add,
        "DeleteTags": tags.delete,
        "ListTags": tags.list,
    }
    return Service("sagemaker", handlers)
