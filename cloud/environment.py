"""The environment of the child processes that `meshtwin up` starts."""

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
"""Disables the SDK's configuration files, which may enable features that only AWS has."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "localhost.localstack.cloud")


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without AWS_* settings, and with proxies bypassed for this machine."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return kept | _NOWHERE | no_proxy_settings(environment)


def no_proxy_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY with this machine in it, in both spellings, where `environment` has a proxy."""
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        return {}
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*(host.strip() for host in given.split(",") if host.strip()), *_LOCAL_HOSTS])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))
