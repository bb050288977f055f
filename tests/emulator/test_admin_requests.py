"""Requests under /_emulator: found by whatever their caller has, bounded in what is read, cheap to list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulator import make_endpoint
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.emulator import Made, Running

JSON = {"Content-Type": "application/json"}


def test_a_call_with_a_filename_is_found_by_its_other_ids(emulator: Running, endpoint: Made) -> None:
    runtime = emulator.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint_async(
        EndpointName=endpoint.name, Body=b"1", InferenceId="mine", Filename="a-name.out"
    )
    runtime.close()
    by_call = emulator.admin(f"/requests/{answer['ResponseMetadata']['RequestId']}/await")
    by_inference_id = emulator.admin("/requests/mine")
    assert by_call["inference_id"] == "mine"
    assert by_call["output_location"].endswith("/a-name.out")
    assert by_inference_id["request_id"] == by_call["request_id"]


def test_looking_at_the_newest_asks_the_store_nothing(emulator: Running, endpoint: Made) -> None:
    runtime = emulator.client("sagemaker-runtime")
    runtime.invoke_endpoint_async(EndpointName=endpoint.name, Body=b"1", InferenceId="newest")
    runtime.close()

    def newest() -> str:
        (found,) = emulator.admin(f"/requests?recent=true&limit=1&endpoint={endpoint.name}")["requests"]
        assert found["inference_id"] == "newest"
        return str(found["state"])

    wait_until(lambda: newest() == "completed")
    before = emulator.admin("/usage")["calls"].get("dynamodb.Query", 0)
    for _ in range(3):
        newest()
    assert emulator.admin("/usage")["calls"].get("dynamodb.Query", 0) == before


def test_a_request_of_an_endpoint_that_is_gone_is_not_replayed(
    emulator: Running, moto_url: str, name: str
) -> None:
    sagemaker, runtime = emulator.client("sagemaker"), emulator.client("sagemaker-runtime")
    made = make_endpoint(sagemaker, moto_url, name)
    answer = runtime.invoke_endpoint_async(EndpointName=made.name, Body=b"1", InferenceId=f"{name}-1")
    assert answer["OutputLocation"]
    assert emulator.admin(f"/requests/{name}-1/await")["state"] == "completed"
    sagemaker.delete_endpoint(EndpointName=name)
    wait_until(lambda: name not in emulator.admin("/health")["endpoints"])
    refused = emulator.send(f"/_emulator/requests/{name}-1/replay")
    assert refused.status == 400
    assert f"Endpoint {name} of account" in refused.json["error"]["message"]
    for client in (sagemaker, runtime):
        client.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 400),
        (b'{"speed":' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b'{"speed": 1' + b" " * (1 << 20) + b"}", 413),
        (b'{"advance": 1e9}', 400),
        (b'{"advance": NaN}', 400),
    ],
    ids=["deep", "nested", "long", "far", "not a number"],
)
def test_a_body_has_bounds(emulator: Running, body: bytes, status: int) -> None:
    answer = emulator.send("/_emulator/clock", body=body, headers=JSON)
    assert answer.status == status
    assert len(answer.json["error"]["message"]) < 200


@pytest.mark.parametrize("host", ["[", "]", "[::1"])
def test_a_host_that_is_no_name_is_refused(emulator: Running, host: str) -> None:
    answer = emulator.send("/_emulator/health", method="GET", headers={"Host": host})
    assert (answer.status, answer.json["error"]["code"]) == (403, "UnknownHost")
