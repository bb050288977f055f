"""Which part of AWS a region belongs to: the second word of its ARNs."""

from __future__ import annotations

import re
from functools import cache

from botocore.loaders import create_loader


@cache
def partition_of(region: str) -> str:
    """The partition of a region, `aws` where nobody knows the region: botocore's own table."""
    for partition in create_loader().load_data("partitions")["partitions"]:
        if region in partition["regions"] or re.match(partition["regionRegex"], region):
            return str(partition["id"])
    return "aws"
