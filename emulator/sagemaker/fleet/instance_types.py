"""What SageMaker's instance types have, as far as a container on another machine can be given it.

`instance_types.csv` lists every type that a production variant may have, with the figures of the EC2 type of
the same name (https://docs.aws.amazon.com/ec2/latest/instancetypes/). Only NVIDIA's GPUs are counted.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class InstanceType(NamedTuple):
    """One type: its memory in MiB, its virtual CPUs, its NVIDIA GPUs."""

    memory_mib: int
    vcpus: int
    gpus: int


@cache
def instance_types() -> dict[str, InstanceType]:
    """All known types by name, as in `ml.g5.2xlarge`."""
    with (files("meshtwin.emulator.sagemaker.fleet") / "instance_types.csv").open(encoding="utf-8") as lines:
        return {
            row["instance_type"]: InstanceType(int(row["memory_mib"]), int(row["vcpus"]), int(row["gpus"]))
            for row in csv.DictReader(lines)
        }
