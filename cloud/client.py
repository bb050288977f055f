"""A profile whose services can be reached: its data, the settings that lead to it, and AWS clients of it.

The environment is read here, once, and never changed. What a person's shell has of other places ends here: on
a profile with services of its own, neither its AWS_* settings nor the SDK's files nor a proxy are in force.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.pages import EMULATOR_VARIABLE, KEY_VARIABLE, Emulator
from meshtwin.cloud.profiles import API_TOKEN_VARIABLE, API_URL_VARIABLE, Profile, load_profile
from meshtwin.cloud.state import read_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.cloud.clients import Clients
    from meshtwin.cloud.createbuild.api import BuildApi

_RUNTIME_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"


@dataclass(frozen=True)
class Client:
    """A profile in reach. `settings` are the variables in force: those of the shell and of `meshtwin up`."""

    profile: Profile
    settings: Mapping[str, str]

    @cached_property
    def aws(self) -> Clients:
        """The profile's clients."""
        from meshtwin.cloud.clients import Clients  # noqa: PLC0415  # boto3: the emulator's pages need none of it

        return Clients(self.profile)

    @cached_property
    def emulator(self) -> Emulator | None:
        """The emulator's own pages; None where AWS is what answers."""
        url = self.settings.get(EMULATOR_VARIABLE)
        return Emulator(url, self.settings.get(KEY_VARIABLE, "")) if url else None

    def needed_emulator(self) -> Emulator:
        """The emulator's own pages.

        Raises:
            UnavailableError: there is no emulator: on AWS nobody can ask for these things.
        """
        if self.emulator is None:
            raise UnavailableError(
                f"{EMULATOR_VARIABLE} is not set: this is asked of the emulator, and AWS has nothing like "
                "it. Start `meshtwin up`, or use --profile embedded"
            )
        return self.emulator

    def build_api(self) -> BuildApi:
        """The build API.

        Raises:
            UnavailableError: the settings name none.
        """
        url, token = self.settings.get(API_URL_VARIABLE), self.settings.get(API_TOKEN_VARIABLE)
        if not url or not token:
            raise UnavailableError(
                f"{API_URL_VARIABLE} and {API_TOKEN_VARIABLE} are not set: set them to the address of the "
                "build API and to its token. `meshtwin up` sets them itself where it runs the functions"
            )
        from meshtwin.cloud.createbuild.api import BuildApi  # noqa: PLC0415  # httpx: few commands need it

        return BuildApi(url.rstrip("/"), token, direct=self.profile.emulated)


def connect(chosen: str | None = None, environment: Mapping[str, str] | None = None) -> Client:
    """The profile in force, by `chosen` and by `environment`, which is the process's by default.

    A running `meshtwin up` has left its settings; where there is none, settings exported by hand do.

    Raises:
        UnavailableError: the profile has services of its own, and they are not running.
    """
    own = dict(os.environ if environment is None else environment)
    profile = load_profile(chosen, own)
    if not profile.emulated:
        return reach(profile, profile.environment(), own)
    state = read_state(profile.name)
    if state is not None:
        return reach(profile, state.environment, own)
    if _RUNTIME_VARIABLE in own:
        return reach(profile, own, own)
    raise UnavailableError(
        f"profile {profile.name!r} is not running: start `meshtwin up --profile {profile.name}` "
        "in another shell, or export the settings that it printed"
    )


def reach(profile: Profile, printed: Mapping[str, str], own: Mapping[str, str]) -> Client:
    """The profile at the services that `printed` leads to; names of resources that `own` sets are kept."""
    aws = {name: value for name, value in printed.items() if name.startswith("AWS_")}
    settings = {**printed, **own, **aws}
    return Client(load_profile(profile.name, settings).reached(settings), settings)
