"""Pointing this process at a profile, once, before anything asks for an AWS client."""

from __future__ import annotations

import os

from cloud.errors import UnavailableError
from cloud.profiles import Profile, load_profile, profile_name
from cloud.stack.state import read_state

EMULATOR_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"


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
    elif EMULATOR_VARIABLE not in os.environ:
        raise UnavailableError(
            f"profile {profile.name!r} is not running: start `meshtwin up --profile {profile.name}` "
            "in another shell, or export the settings that it printed"
        )
    return load_profile(profile.name)


def use(environment: dict[str, str]) -> None:
    """Take over a stack's settings; names of resources that this process has set already are kept."""
    for name, value in environment.items():
        if name.startswith("AWS_"):
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
