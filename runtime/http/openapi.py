"""The OpenAPI page, generated from the contract's models and its table of errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from meshtwin.runtime.contract import (
    RETRYABLE,
    STATUS,
    ErrorResponse,
    Health,
    InvocationRequest,
    InvocationResponse,
)

_REF = "#/components/schemas/{model}"

_ABOUT: dict[str, Any] = {
    "title": "meshtwin container",
    "version": "1",
    "description": (
        "Turns an image into a textured GLB. The contract of a SageMaker container: "
        "`GET /ping` and `POST /invocations`. Objects are read from and written to S3."
    ),
}

_PING: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "Loading, or stopping."}}


def _failures() -> dict[int | str, dict[str, Any]]:
    codes: dict[int, list[str]] = {}
    for code, status in STATUS.items():
        codes.setdefault(status, []).append(f"`{code}`{' (retryable)' if code in RETRYABLE else ''}")
    return {
        status: {"model": ErrorResponse, "description": f"One of {', '.join(named)}."}
        for status, named in sorted(codes.items())
    }


_INVOCATIONS = {**_failures(), 200: {"description": "Done; the outputs are in S3."}}

_EXAMPLES: dict[str, dict[str, Any]] = {
    "full": {
        "stage": "full",
        "input_s3": "s3://images/inputs/fox.png",
        "output_prefix_s3": "s3://pipeline/jobs/1/",
    },
    "shape": {
        "stage": "shape",
        "input_s3": "s3://images/inputs/fox.png",
        "output_s3": "s3://pipeline/jobs/1/shape.glb",
        "params": {"octree_resolution": 128, "seed": 7},
    },
    "paint": {
        "stage": "paint",
        "input_s3": "s3://images/inputs/fox.png",
        "shape_s3": "s3://pipeline/jobs/1/shape.glb",
        "output_s3": "s3://pipeline/jobs/1/textured.glb",
    },
}

_INVOCATIONS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="InvocationRequest")},
                "examples": {name: {"value": value} for name, value in _EXAMPLES.items()},
            }
        },
    },
    "parameters": [
        {
            "name": "X-Amzn-SageMaker-Inference-Id",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Is in every log line of the job.",
        }
    ],
}


def pages() -> FastAPI:
    """An application with the pages alone: `meshtwin.runtime.http.app` has the endpoints."""
    app = FastAPI(**_ABOUT)
    app.add_api_route(
        "/ping",
        _elsewhere,
        name="ping",
        response_model=Health,
        responses=_PING,
        summary="Whether jobs are accepted",
    )
    app.add_api_route(
        "/invocations",
        _elsewhere,
        methods=["POST"],
        name="invocations",
        response_model=InvocationResponse,
        responses=_INVOCATIONS,
        openapi_extra=_INVOCATIONS_BODY,
        summary="Run one job and respond when it is done",
    )

    def page() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(routes=app.routes, **_ABOUT)
            # FastAPI does not know the request's model, as the endpoint itself parses the body.
            request = InvocationRequest.model_json_schema(ref_template=_REF)
            document["components"]["schemas"].update(request.pop("$defs"))
            document["components"]["schemas"]["InvocationRequest"] = request
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = page  # type: ignore[method-assign]  # https://fastapi.tiangolo.com/how-to/extending-openapi/
    return app


async def _elsewhere() -> None:
    # These operations are never called on this application. A docstring would be on the page.
    raise NotImplementedError
