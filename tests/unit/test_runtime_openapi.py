"""The page that describes the container, and the app behind it without a socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from pydantic import ValidationError

from meshtwin.runtime.contract import STATUS, InvocationRequest, Params
from meshtwin.runtime.http.app import create_app

if TYPE_CHECKING:
    from meshtwin.runtime.jobs.service import Service


def get(path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = create_app(cast("Service", None))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://container"
        ) as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    document: dict[str, Any] = get("/openapi.json").json()
    return document


def test_a_browser_shows_it() -> None:
    answer = get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "/openapi.json" in answer.text


def test_what_makes_the_page_is_not_loaded_before_somebody_reads_it() -> None:
    program = (
        "import sys, meshtwin.runtime.http.assembly;"
        "print('starlette' in sys.modules, 'fastapi' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_both_endpoints_and_no_other(page: dict[str, Any]) -> None:
    assert {path: list(methods) for path, methods in page["paths"].items()} == {
        "/ping": ["get"],
        "/invocations": ["post"],
    }


GIVEN = {
    "input_s3": "s3://images/fox.png",
    "shape_s3": "s3://pipeline/a.glb",
    "output_s3": "s3://pipeline/b.glb",
    "output_prefix_s3": "s3://pipeline/jobs/",
}


def fits(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    """JSON Schema, as far as the alternatives of a request go."""
    types = {str: "string", type(None): "null"}
    return all(name in value for name in schema["required"]) and all(
        value[name] == rule["const"] if "const" in rule else types[type(value[name])] == rule["type"]
        for name, rule in schema["properties"].items()
        if name in value
    )


@pytest.mark.parametrize("stage", ["shape", "paint", "full"])
def test_what_each_stage_needs_is_in_the_page_as_in_the_model(page: dict[str, Any], stage: str) -> None:
    schema = page["components"]["schemas"]["InvocationRequest"]
    for taken in product([0, 1, 2], repeat=3):
        # Each location given, left out, or null.
        value: dict[str, str | None] = {"stage": stage, "input_s3": GIVEN["input_s3"]}
        for name, how in zip(list(GIVEN)[1:], taken, strict=True):
            if how < 2:
                value[name] = [GIVEN[name], None][how]
        try:
            InvocationRequest.model_validate(value)
            right = True
        except ValidationError:
            right = False
        assert [fits(value, each) for each in schema["oneOf"]].count(True) == int(right), value


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
