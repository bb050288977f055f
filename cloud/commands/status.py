"""`meshtwin status`: what is running, where, and how the endpoint is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table

from cloud.commands.console import JsonOption, ProfileOption, out, print_json
from cloud.connection import connect
from cloud.endpoint import EndpointStatus, describe_endpoint
from cloud.errors import CloudError, UnavailableError
from cloud.pages import ask, browser_page, has_emulator
from cloud.profiles import load_profile
from cloud.stack.state import State, read_state


def status(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Tell what is running, where, and how the endpoint is.

    Exit codes: 0 the endpoint is InService, 7 it is not, or nothing is running.

    Examples:

      meshtwin status

      meshtwin status --profile sagemaker --json
    """
    state = read_state(load_profile(profile).name)
    connected = connect(profile)
    try:
        endpoint = describe_endpoint(connected.names.endpoint_name)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"profile {connected.name!r}: {error}") from error
    document = _document(connected.name, connected.names.endpoint_name, state, endpoint)
    if as_json:
        print_json(document)
    else:
        out.print(_table(document))
        if document["page"]:
            out.print(f"in a browser: {document['page']}", markup=False, soft_wrap=True)
    if endpoint is None or endpoint.status != "InService":
        raise UnavailableError(f"endpoint {connected.names.endpoint_name!r} is not InService")


def _document(
    profile: str, name: str, state: State | None, endpoint: EndpointStatus | None
) -> dict[str, Any]:
    return {
        "profile": profile,
        "endpoint": {
            "name": name,
            "status": endpoint.status if endpoint else "not there",
            "instances": endpoint.instances if endpoint else None,
            "failure_reason": endpoint.failure_reason if endpoint else None,
        },
        "up": {"pid": state.pid, "services": state.services} if state else None,
        "store": _store(),
        "instances": _instances(),
        "environment": state.environment if state else {},
        "page": browser_page(state.environment) if state else None,
        "log_dir": state.log_dir if state else None,
    }


def _store() -> dict[str, Any] | None:
    """How S3 and DynamoDB are, as the emulator sees them; None where it does not say."""
    try:
        store: dict[str, Any] | None = ask("/health").get("store") if has_emulator() else None
    except CloudError:
        return None
    return store


def _instances() -> list[str]:
    """The instances of all endpoints, in words."""
    try:
        found = ask("/instances", lines=0)["instances"] if has_emulator() else []
    except CloudError:
        return []
    return [
        f"{one['endpoint']} {one['instance_id']}: {one['state']}, {one['busy']} at work, {one['address']}"
        for one in found
    ]


def _add_emulator(table: Table, document: dict[str, Any]) -> None:
    """What the emulator says of its store and its instances."""
    if document["store"]:
        table.add_row("store", _store_words(document["store"]))
    for words in document["instances"]:
        table.add_row("instance", words)


def _store_words(store: dict[str, Any]) -> str:
    words = "reachable" if store["reachable"] else "cannot be reached: nothing accepted is lost meanwhile"
    if store["restarted_at"] is not None:
        when = datetime.fromtimestamp(store["restarted_at"], UTC)
        words += f"; restarted empty at {when:%Y-%m-%d %H:%M:%S} UTC, {store['forgotten']} requests forgotten"
    return words


def _table(document: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    endpoint = document["endpoint"]
    table.add_row("profile", document["profile"])
    table.add_row("endpoint", f"{endpoint['name']}: {endpoint['status']}")
    if endpoint["instances"] is not None:
        table.add_row("instances", str(endpoint["instances"]))
    if endpoint["failure_reason"]:
        table.add_row("failure reason", endpoint["failure_reason"])
    if document["up"]:
        table.add_row("meshtwin up", f"process {document['up']['pid']}")
        for name, place in document["up"]["services"].items():
            table.add_row(name, place)
    _add_emulator(table, document)
    for name, value in document["environment"].items():
        if name.startswith("AWS_ENDPOINT_URL"):
            table.add_row(name, value)
    if document["log_dir"]:
        table.add_row("logs", document["log_dir"])
    return table
