"""The client of a running profile: its settings, its AWS clients, the emulator's admin API, the build API.

The environment is read here, once, and never changed. On a profile with services of its own, the shell's
AWS_* settings, the SDK's files and proxies are ignored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshtwin.cloud.admin import EMULATOR_VARIABLE, KEY_VARIABLE, Emulator
from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.profiles import API_TOKEN_VARIABLE, API_URL_VARIABLE, Profile, load_profile
from meshtwin.cloud.state import read_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.cloud.clients import Clients
    from meshtwin.cloud.createbuild.api import BuildApi

_RUNTIME_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"


@dataclass(frozen=True)
class Client:
    """A running profile. `settings` are the variables in force: those of the shell and of `meshtwin up`."""

    profile: Profile
    settings: Mapping[str, str]

    @cached_property
    def aws(self) -> Clients:
        """The profile's clients."""
        from meshtwin.cloud.clients import Clients  # noqa: PLC0415  # boto3, which the emulator's admin API does not need

        return Clients(self.profile)

    @cached_property
    def emulator(self) -> Emulator | None:
        """The emulator's admin API; None on AWS."""
        url = self.settings.get(EMULATOR_VARIABLE)
        return Emulator(url, self.settings.get(KEY_VARIABLE, "")) if url else None

    def needed_emulator(self) -> Emulator:
        """The emulator's admin API.

        Raises:
            UnavailableError: there is no emulator: AWS has nothing like it.
        """
        if self.emulator is None:
            raise UnavailableError(
                f"{EMULATOR_VARIABLE} is not set: this command needs the emulator, and AWS has nothing like "
                "it. Start `meshtwin up`, or use --profile embedded"
            )
        return self.emulator

    def build_api(self) -> BuildApi:
        """The build API.

        Raises:
            UnavailableError: the settings have no URL or token.
        """
        url, token = self.settings.get(API_URL_VARIABLE), self.settings.get(API_TOKEN_VARIABLE)
        if not url or not token:
            raise UnavailableError(
                f"{API_URL_VARIABLE} and {API_TOKEN_VARIABLE} are not set: set them to the address of the "
                "build API and to its token. `meshtwin up` sets them itself where it runs the functions"
            )
        from meshtwin.cloud.createbuild.api import BuildApi  # noqa: PLC0415  # httpx, which few commands need

        return BuildApi(url.rstrip("/"), token, direct=self.profile.emulated)


def connect(chosen: str | None = None, environment: Mapping[str, str] | None = None) -> Client:
    """The client of the chosen profile; `environment` is the process's by default.

    The settings are those of the running `meshtwin up`, else those exported by hand.

    Raises:
        UnavailableError: the profile's services are not running.
    """
    own = dict(os.environ if environment is None else environment)
    profile = load_profile(chosen, own)
    if not profile.emulated:
        return client_of(profile, profile.environment(), own)
    state = read_state(profile.name)
    if state is not None:
        return client_of(profile, state.environment, own)
    if _RUNTIME_VARIABLE in own:
        return client_of(profile, own, own)
    raise UnavailableError(
        f"profile {profile.name!r} is not running: start `meshtwin up --profile {profile.name}` "
        "in another shell, or export the settings that it printed"
    )


def client_of(profile: Profile, printed: Mapping[str, str], own: Mapping[str, str]) -> Client:
    """The client of the services that `printed` names; names of resources that `own` sets are kept."""
    aws = {name: value for name, value in printed.items() if name.startswith("AWS_")}
    settings = {**printed, **own, **aws}
    return Client(load_profile(profile.name, settings).with_settings(settings), settings)
