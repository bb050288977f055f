"""Commands for the emulator's admin API: requests, cancel, replay, explain, instances, clock, fault."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from meshtwin.cloud.cli.console import JsonOption, ProfileOption, out, print_json, print_line
from meshtwin.cloud.client import connect
from meshtwin.cloud.errors import UsageError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")

IdArgument = Annotated[str, typer.Argument(help="Its id: the last part of its OutputLocation, less .out.")]


def requests(
    request_id: Annotated[str | None, typer.Argument(help="Show one request; default: list them.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those of this endpoint.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many.")] = 50,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List requests, or show one: its timeline, and the exact exchange with the container.

    States: queued, running, completed, failed, expired, cancelled.

    Examples:

      meshtwin requests --state failed

      meshtwin requests 01a20e47-b491-703d-bab7-a374066594ce
    """
    emulator = connect(profile).needed_emulator()
    if request_id is not None:
        found = emulator.request(f"/requests/{request_id}")
        if as_json:
            print_json(found)
        else:
            _print_request(found)
        return
    page = emulator.request("/requests", state=state, endpoint=endpoint, limit=limit)
    if as_json:
        print_json(page)
        return
    for one in page["requests"]:
        line = f"{one['request_id']}  {_time(one['accepted_at'])}  {one['state']:<9}  {one['endpoint_name']}"
        print_line(line + (f"  {one['reason']}" if one["reason"] else ""))
    if not page["requests"]:
        print_line("there are none")
    if page["next_token"]:
        print_line(f"there are more than these {limit}: --limit shows them")


def cancel(request_id: IdArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Cancel a request that waits or runs; its failure object and notification say so.

    Examples:

      meshtwin cancel 01a20e47-b491-703d-bab7-a374066594ce
    """
    emulator = connect(profile).needed_emulator()
    found = emulator.request(f"/requests/{request_id}/cancel", {})
    _print(found, as_json, f"{request_id}: {found['state']}")


def replay(request_id: IdArgument, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Send a finished request again, with a new id.

    Examples:

      meshtwin replay 01a20e47-b491-703d-bab7-a374066594ce
    """
    emulator = connect(profile).needed_emulator()
    found = emulator.request(f"/requests/{request_id}/replay", {})
    _print(found, as_json, f"{found['request_id']}: its result goes to {found['output_location']}")


def explain(
    endpoint: Annotated[str | None, typer.Argument(help="The endpoint; default: the profile's own.")] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain why an endpoint does or does not scale now, with the numbers.

    Examples:

      meshtwin explain

      meshtwin explain my-endpoint --json
    """
    client = connect(profile)
    name = endpoint or client.profile.names.endpoint_name
    found = client.needed_emulator().request(f"/endpoints/{name}/explain")
    if as_json:
        print_json(found)
        return
    for finding in found["findings"]:
        style = "yellow" if finding["level"] == "warning" else "none"
        out.print(f"- {finding['text']}", style=style, markup=False, soft_wrap=True)


def instances(
    lines: Annotated[int, typer.Option(help="Last lines of each instance's output.")] = 5,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every instance, with the last lines of its output.

    Examples:

      meshtwin instances --lines 20
    """
    emulator = connect(profile).needed_emulator()
    found = emulator.request("/instances", lines=lines)
    if as_json:
        print_json(found)
        return
    for one in found["instances"]:
        state = f"{one['endpoint']} {one['instance_id']}: {one['state']}, {one['busy']} running, "
        print_line(f"{state}process {one['pid'] or '-'}, {one['address']}")
        for line in one["last_lines"]:
            print_line(f"    {line}")
    if not found["instances"]:
        print_line("there are no instances")


def clock(
    speed: Annotated[float | None, typer.Option(help="This many times as fast; 0: stand still.")] = None,
    advance: Annotated[str | None, typer.Option(help="Advance by 90, 90s, 15m, 6h or 1d.")] = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the emulator's clock, or change it.

    Times to live, timeouts, alarms and cooldowns follow this clock; containers do not.

    Examples:

      meshtwin clock

      meshtwin clock --speed 0

      meshtwin clock --advance 15m
    """
    emulator = connect(profile).needed_emulator()
    wanted: dict[str, float] = {}
    if speed is not None:
        wanted["speed"] = speed
    if advance is not None:
        wanted["advance"] = _seconds(advance)
    found = emulator.request("/clock", wanted or None)
    _print(found, as_json, f"{found['time']}, {found['speed']:g} times as fast as real time")


def fault(
    rule: Annotated[str | None, typer.Argument(help="POINT/EFFECT, such as container/status.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--with", help="NAME=VALUE of the rule; repeatable.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all rules first.")] = False,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Inject faults by rule, or list the rules.

    Examples:

      meshtwin fault

      meshtwin fault container/status --with status=500 --with times=2

      meshtwin fault api/throttle --with operation=InvokeEndpointAsync --with probability=0.3

      meshtwin fault --clear
    """
    emulator = connect(profile).needed_emulator()
    if clear:
        emulator.request("/faults", method="DELETE")
    if rule is not None:
        point, _, effect = rule.partition("/")
        emulator.request(
            "/faults", {"place": point, "effect": effect, **dict(_option(text) for text in options or ())}
        )
    found = emulator.request("/faults")
    if as_json:
        print_json(found)
        return
    table = Table("id", "rule", "with", "asked", "struck")
    for one in found["faults"]:
        rest = {name: value for name, value in one.items() if name not in _SHOWN}
        shown = " ".join(f"{name}={value}" for name, value in rest.items())
        table.add_row(
            one["id"], f"{one['place']}/{one['effect']}", shown, str(one["asked"]), str(one["struck"])
        )
    out.print(table if found["faults"] else "there are no fault rules")


_SHOWN = {"id", "place", "effect", "asked", "struck"}


def _option(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise UsageError(f"--with {text!r}: expected NAME=VALUE, such as times=2")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(f"--advance {text!r}: expected a duration such as 90s, 15m, 6h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def _print(document: object, as_json: bool, text: str) -> None:
    if as_json:
        print_json(document)
    else:
        print_line(text)


def _print_request(found: dict[str, Any]) -> None:
    for name in ("request_id", "inference_id", "endpoint_name", "state", "reason", "input_location"):
        if found[name] is not None:
            print_line(f"{name}: {found[name]}")
    print_line(f"output_location: {found['output_location']}")
    for event in found["timeline"]:
        facts = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"at", "event"})
        print_line(f"  {_time(event['at'])} {event['event']} {facts}")
    for exchange in found["exchanges"]:
        print_line(f"\n{exchange['method']} http://{exchange['address']}{exchange['path']}")
        _print_message(exchange["request_headers"].items(), exchange["request_body"])
        answer = exchange["error"] or f"HTTP {exchange['status']}"
        print_line(f"-> {answer}")
        _print_message(exchange["response_headers"], exchange["response_body"])


def _print_message(headers: Any, body: dict[str, Any] | None) -> None:  # noqa: ANN401  # pairs, of a dict or a list
    for name, value in headers:
        print_line(f"   {name}: {value}")
    if body is not None:
        shown = body["text"] if body["text"] is not None else "(a stream)"
        print_line(f"   {shown} ({body['length']} bytes)")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
