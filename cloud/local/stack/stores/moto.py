"""moto's server, as a child process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtwin.cloud.environment import without_aws
from meshtwin.cloud.errors import UnavailableError, UsageError
from meshtwin.cloud.files import folder_to_write
from meshtwin.cloud.local.stack.child import Child
from meshtwin.cloud.local.stack.stores.store import Store, StoreKind
from meshtwin.cloud.state import try_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


def _prepare(profile: Profile, options: StackOptions, _notify: Callable[[str], None]) -> None:
    """Check the options; there is nothing else to prepare."""
    if options.data is not None:
        folder_to_write(options.data, "--data")
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
    settings = without_aws(options.shell) | profile.environment()
    with (
        _locked(options.data),
        Child("meshtwin.cloud.local.moto.server", arguments, settings, log_dir / "moto.log") as child,
    ):
        url = child.ready()
        yield Store(url, url, child)


@contextmanager
def _locked(data: Path | None) -> Iterator[None]:
    """Lock the folder: two servers would corrupt one journal."""
    if data is None:
        yield
        return
    with try_lock(data / "lock") as held:
        if not held:
            raise UnavailableError(f"--data {data}: another `meshtwin up` keeps its data there")
        yield


MOTO = StoreKind(_prepare, _serving)
