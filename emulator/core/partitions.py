"""ARNs, and their second word: the part of AWS that a region belongs to."""

from __future__ import annotations

import re
from functools import cache

from botocore.loaders import create_loader


@cache
def partition_of(region: str) -> str:
    """The partition of a region, `aws` for an unknown region; from botocore's own table."""
    for partition in create_loader().load_data("partitions")["partitions"]:
        if region in partition["regions"] or re.match(partition["regionRegex"], region):
            return str(partition["id"])
    return "aws"


def arn_of(service: str, region: str, account_id: str, resource: str, *, regional: bool = True) -> str:
    """An ARN; those of a global service have no region."""
    of_region = region if regional else ""
    return f"arn:{partition_of(region)}:{service}:{of_region}:{account_id}:{resource}"
