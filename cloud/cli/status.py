"""`meshtwin status`: what runs where, and the state of the endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meshtwin.cloud.admin import browser_page
from meshtwin.cloud.aws_errors import aws_errors
from meshtwin.cloud.cli.console import JsonOption, ProfileOption, print_facts, print_json
from meshtwin.cloud.client import Client, connect
from meshtwin.cloud.endpoint import EndpointStatus, describe_endpoint
from meshtwin.cloud.errors import CloudError, UnavailableError
from meshtwin.cloud.profiles import load_profile
from meshtwin.cloud.state import State, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.admin import Emulator


def status(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where, and the state of the endpoint.

    Exit codes: 0 the endpoint is InService, 7 it is not, or nothing is running.

    Examples:

      meshtwin status

      meshtwin status --profile sagemaker --json
    """
    state = read_state(load_profile(profile).name)
    client = connect(profile)
    connected = client.profile
    with aws_errors(f"profile {connected.name!r}"):
        endpoint = describe_endpoint(client.aws, connected.names.endpoint_name)
    document = _document(client, state, endpoint)
    if as_json:
        print_json(document)
    else:
        print_facts(_facts(document))
    if endpoint is None or endpoint.status != "InService":
        raise UnavailableError(f"endpoint {connected.names.endpoint_name!r} is not InService")


def _document(client: Client, state: State | None, endpoint: EndpointStatus | None) -> dict[str, Any]:
    return {
        "profile": client.profile.name,
        "endpoint": {
            "name": client.profile.names.endpoint_name,
            "status": endpoint.status if endpoint else "missing",
            "instances": endpoint.instances if endpoint else None,
            "failure_reason": endpoint.failure_reason if endpoint else None,
        },
        "up": {"pid": state.pid, "services": state.services} if state else None,
        "store": _store(client.emulator),
        "instances": _instances(client.emulator),
        "environment": state.environment if state else {},
        "page": browser_page(state.environment) if state else None,
        "log_dir": state.log_dir if state else None,
    }


def _store(emulator: Emulator | None) -> dict[str, Any] | None:
    """The emulator's view of S3 and DynamoDB; None where it does not respond."""
    try:
        store: dict[str, Any] | None = emulator.request("/health").get("store") if emulator else None
    except CloudError:
        return None
    return store


def _instances(emulator: Emulator | None) -> list[str]:
    """The instances of all endpoints, one line each."""
    try:
        found = emulator.request("/instances", lines=0)["instances"] if emulator else []
    except CloudError:
        return []
    return [
        f"{one['endpoint']} {one['instance_id']}: {one['state']}, {one['busy']} running, {one['address']}"
        for one in found
    ]


def _describe_store(store: dict[str, Any]) -> str:
    text = "reachable" if store["reachable"] else "unreachable: accepted requests are not lost"
    if store["restarted_at"] is not None:
        when = datetime.fromtimestamp(store["restarted_at"], UTC)
        text += f"; restarted empty at {when:%Y-%m-%d %H:%M:%S} UTC, {store['lost']} requests lost"
    return text


def _facts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The document as names and values."""
    endpoint = document["endpoint"]
    yield "profile", document["profile"]
    yield "endpoint", f"{endpoint['name']}: {endpoint['status']}"
    if endpoint["instances"] is not None:
        yield "instances", str(endpoint["instances"])
    if endpoint["failure_reason"]:
        yield "failure reason", endpoint["failure_reason"]
    if document["up"]:
        yield "meshtwin up", f"process {document['up']['pid']}"
        yield from document["up"]["services"].items()
    if document["store"]:
        yield "store", _describe_store(document["store"])
    yield from (("instance", line) for line in document["instances"])
    for name, value in document["environment"].items():
        if name.startswith("AWS_ENDPOINT_URL"):
            yield name, value
    if document["page"]:
        yield "in a browser", document["page"]
    if document["log_dir"]:
        yield "logs", document["log_dir"]
