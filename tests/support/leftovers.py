"""What the integration session has left in the Docker Engine: named, removed, and an error.

Everything that is ours bears a label: instances the emulator's, LocalStack testcontainers' or compose's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from meshtwin.emulator.sagemaker.fleet.docker.labels import EMULATOR_LABEL
from tests.support.engine import LABEL, engine

if TYPE_CHECKING:
    from collections.abc import Collection

    from docker import DockerClient

LABELS = (EMULATOR_LABEL, "org.testcontainers", LABEL)
PROJECT_LABEL = "com.docker.compose.project"
PROJECTS = "meshtwin"
"""How the names of our compose projects begin."""


def ours(client: DockerClient) -> list[Any]:
    """Containers, networks and volumes that are ours, in the order in which they can be removed."""
    things = [
        *client.containers.list(all=True, ignore_removed=True),
        *client.networks.list(),
        *client.volumes.list(),
    ]
    return [thing for thing in things if _is_ours(_labels(thing))]


def remove_all(client: DockerClient, known: Collection[str]) -> list[str]:
    """Remove what is ours, less what is `known`; what it was."""
    removed = []
    for thing in ours(client):
        if thing.id in known:
            continue
        kind = type(thing).__name__.lower()
        options: dict[str, bool] = {} if kind == "network" else {"force": True}
        try:
            thing.remove(**options, **({"v": True} if kind == "container" else {}))
            removed.append(f"{kind} {thing.name}, removed now")
        except APIError as error:
            removed.append(f"{kind} {thing.name}, which cannot be removed: {error.explanation}")
    return removed


def _labels(thing: Any) -> dict[str, str]:
    found = thing.attrs.get("Labels") or thing.attrs.get("Config", {}).get("Labels")
    return dict(found or {})


def _is_ours(labels: dict[str, str]) -> bool:
    return any(label in labels for label in LABELS) or labels.get(PROJECT_LABEL, "").startswith(PROJECTS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--note", type=Path, metavar="FILE", help="write down what is there now")
    chosen.add_argument("--since", type=Path, metavar="FILE", help="remove what was not there then")
    arguments = parser.parse_args()
    with engine() as client:
        if arguments.note:
            arguments.note.write_text(json.dumps([thing.id for thing in ours(client)]))
            return 0
        removed = remove_all(client, json.loads(arguments.since.read_text()))
    for each in removed:
        sys.stderr.write(f"left behind: {each}\n")
    return 1 if removed else 0


if __name__ == "__main__":
    sys.exit(main())
