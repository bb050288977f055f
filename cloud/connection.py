"""Pointing this process at a profile, once, before anything asks for an AWS client.

What a person's shell has of other places ends here: on a profile with services of its own, neither its AWS_*
settings nor the SDK's configuration files nor a proxy are in force.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.stack.state import read_state
from meshtwin.cloud.profiles import Profile, load_profile, profile_name

if TYPE_CHECKING:
    from collections.abc import Mapping

EMULATOR_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"

_NOWHERE = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Other settings of the SDK than those in the environment; its files may switch on what only AWS has."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_HERE = ("127.0.0.1", "localhost", "localhost.localstack.cloud")


def connect(chosen: str | None = None) -> Profile:
    """The profile in force, with this process's environment leading to its services.

    A running `meshtwin up` has left its settings; where there is none, settings exported by hand do.

    Raises:
        UnavailableError: the profile has services of its own, and they are not running.
    """
    profile = load_profile(profile_name(chosen))
    if not profile.emulated:
        os.environ.update(profile.connection())
        return profile
    state = read_state(profile.name)
    if state is not None:
        use(state.environment)
    elif EMULATOR_VARIABLE in os.environ:
        use({name: os.environ[name] for name in _printed(profile) if name in os.environ})
    else:
        raise UnavailableError(
            f"profile {profile.name!r} is not running: start `meshtwin up --profile {profile.name}` "
            "in another shell, or export the settings that it printed"
        )
    return load_profile(profile.name)


def use(environment: Mapping[str, str]) -> None:
    """Take over a stack's settings; names of resources that this process has set already are kept."""
    isolated = without_aws()
    os.environ.update(isolated)
    for name in os.environ.keys() - isolated.keys():
        del os.environ[name]
    for name, value in environment.items():
        if name.startswith("AWS_"):
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)


def without_aws() -> dict[str, str]:
    """This process's environment without what leads an SDK to AWS, somewhere else, or through a proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | _NOWHERE | beside_proxies()


def beside_proxies() -> dict[str, str]:
    """NO_PROXY with this machine in it, in both spellings, where the environment names a proxy."""
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return {}
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*(host.strip() for host in given.split(",") if host.strip()), *_HERE])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))


def _printed(profile: Profile) -> frozenset[str]:
    """The names of the settings that `meshtwin up` prints."""
    return frozenset(profile.connection(store_url="-", emulator_url="-") | profile.standins("-"))
