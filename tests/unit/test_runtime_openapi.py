"""The page that describes the container, and the app behind it without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from runtime.app import create_app
from runtime.contract import STATUS, InvocationRequest, Params

if TYPE_CHECKING:
    from runtime.service import Service


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return create_app(cast("Service", None)).openapi()


def test_both_endpoints_and_no_other(page: dict[str, Any]) -> None:
    assert {path: list(methods) for path, methods in page["paths"].items()} == {
        "/ping": ["get"],
        "/invocations": ["post"],
    }


def test_every_status_is_there_with_its_codes(page: dict[str, Any]) -> None:
    responses = page["paths"]["/invocations"]["post"]["responses"]
    assert set(responses) == {"200", *(str(status) for status in STATUS.values())}
    for code, status in STATUS.items():
        assert f"`{code}`" in responses[str(status)]["description"]
        schema = responses[str(status)]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
    assert set(page["paths"]["/ping"]["get"]["responses"]) == {"200", "503"}


def test_the_request_is_described_with_its_ranges(page: dict[str, Any]) -> None:
    schemas = page["components"]["schemas"]
    body = page["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/InvocationRequest"}
    assert set(schemas["InvocationRequest"]["properties"]) == set(InvocationRequest.model_fields)
    assert set(schemas["Params"]["properties"]) == set(Params.model_fields)
    steps = schemas["Params"]["properties"]["steps"]["anyOf"][0]
    assert (steps["minimum"], steps["maximum"]) == (1, 100)


def test_its_examples_are_requests(page: dict[str, Any]) -> None:
    body = page["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    stages = [InvocationRequest.model_validate(each["value"]).stage for each in body["examples"].values()]
    assert sorted(stages) == ["full", "paint", "shape"]


def test_every_reference_leads_somewhere(page: dict[str, Any]) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            found = [str(value) for key, value in node.items() if key == "$ref"]
            return found + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    names = {f"#/components/schemas/{name}" for name in page["components"]["schemas"]}
    assert set(references(page)) <= names
