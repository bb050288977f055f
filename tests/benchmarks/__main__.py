"""Every benchmark, or those named: `python -m tests.benchmarks [--json] [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys

from rich.console import Console

from tests.benchmarks.figures import Figure, show

BENCHMARKS = {
    "emulator": "the emulator's CPU time, its AWS calls, and the time from submit to result",
    "relief": "the relief backend's seconds and peak memory, picture by picture",
    "queue": "a long queue: accepted, listed, recovered, dispatched",
    "formats": "a build written as .schem, .litematic, structure and .vox files",
    "blocks": "colours to blocks: CPU seconds, and the blocks' difference from the colours",
    "functions": "what functions cost: warm calls beside a bare echo, cold ones beside a bare Python",
    "lambdas": "how long the functions' modules take to import, beside boto3",
    "boxes": "a build's commands beside a naive painter's, its sections beside the commands, and their time",
    "voxels": "mesh to cells, beside trimesh and an exact reference",
    "engine": "GLB to the commands of a large build, and reading beside trimesh",
    "ping": "how soon /ping answers while a job runs",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    console = Console(stderr=arguments.json)
    if not console.is_terminal:
        console.width = 120
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    results: dict[str, list[Figure]] = {}
    for name in arguments.names or BENCHMARKS:
        with console.status(BENCHMARKS[name]):
            results[name] = importlib.import_module(f"tests.benchmarks.{name}").measure()
        show(BENCHMARKS[name], results[name], console)
    if arguments.json:
        document = {name: [figure.as_json() for figure in figures] for name, figures in results.items()}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
