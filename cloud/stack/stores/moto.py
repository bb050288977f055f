"""moto's server, as a child process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloud.errors import UsageError
from cloud.stack.child import Child
from cloud.stack.stores.store import Store, StoreKind, without_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloud.profiles import Profile
    from cloud.stack.options import StackOptions


def _prepare(profile: Profile, options: StackOptions, _say: Callable[[str], None]) -> None:
    """It needs nothing but Python."""
    if options.emulator == "container":
        raise UsageError(
            f"--emulator container: profile {profile.name!r} has no containers. Use --profile local"
        )


@contextmanager
def _serving(
    profile: Profile, options: StackOptions, log_dir: Path, report: Callable[[str], None]
) -> Iterator[Store]:
    report("starting moto")
    arguments = ["--require-key", *(("--data", str(options.data)) if options.data else ())]
    settings = without_aws() | profile.connection()
    with Child("cloud.stack.moto_server", arguments, settings, log_dir / "moto.log") as child:
        url = child.ready()
        yield Store(url, url, child)


MOTO = StoreKind(_prepare, _serving)
