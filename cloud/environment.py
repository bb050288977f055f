"""What of a person's shell reaches the children of a profile that has services of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOWHERE = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Other settings of the SDK than those in the environment; its files may switch on what only AWS has."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_HERE = ("127.0.0.1", "localhost", "localhost.localstack.cloud")


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what leads an SDK to AWS, somewhere else, or through a proxy: for children."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return kept | _NOWHERE | beside_proxies(environment)


def beside_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY with this machine in it, in both spellings, where `environment` names a proxy."""
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        return {}
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*(host.strip() for host in given.split(",") if host.strip()), *_HERE])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))
