"""The emulators of Lambda, API Gateway and Bedrock, as a child process beside the emulator."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtwin.cloud.environment import without_aws
from meshtwin.cloud.local.stack.child import Child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.local.stack.service import Service
    from meshtwin.cloud.profiles import Profile


@contextmanager
def serverless(
    profile: Profile,
    options: StackOptions,
    functions: Path | None,
    log_dir: Path,
) -> Iterator[tuple[str, Service]]:
    """Their URL, and the service that they are; `functions` is the manifest of what Lambda runs."""
    words = [
        *("--port", "0", "--log-dir", str(log_dir), "--speed", str(options.speed)),
        *("--region", profile.region, "--account-id", str(profile.account_id)),
        *("--set", "require_key=true"),
        *(("--functions", str(functions)) if functions else ()),
    ]
    settings = without_aws(options.shell) | profile.environment()
    with Child("meshtwin.emulator.serverless", words, settings, log_dir / "serverless.log") as child:
        yield child.ready(), child
