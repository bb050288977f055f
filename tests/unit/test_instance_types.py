"""The table of instance types has each that a production variant may have, with EC2's figures."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import botocore.session
import pytest

from meshtwin.emulator.sagemaker.fleet.instance_types import instance_types

SERVICE = botocore.session.get_session().get_service_model("sagemaker")
NAMES: list[str] = SERVICE.shape_for("ProductionVariantInstanceType").metadata["enum"]
EC2 = json.loads(gzip.decompress((files("moto.ec2") / "resources" / "instance_types.json.gz").read_bytes()))


def test_each_type_of_the_model_is_there() -> None:
    assert set(NAMES) <= set(instance_types())


@pytest.mark.parametrize("name", [name for name in NAMES if name.removeprefix("ml.") in EC2])
def test_its_figures_are_those_of_ec2(name: str) -> None:
    ec2 = EC2[name.removeprefix("ml.")]
    gpus = (ec2.get("GpuInfo") or {}).get("Gpus", [])
    found = instance_types()[name]
    assert found.memory_mib == ec2["MemoryInfo"]["SizeInMiB"]
    assert found.vcpus == ec2["VCpuInfo"]["DefaultVCpus"]
    assert found.gpus == sum(gpu["Count"] for gpu in gpus if gpu["Manufacturer"] == "NVIDIA")
