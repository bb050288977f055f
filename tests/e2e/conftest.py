"""The `meshtwin up` that the tests of the commands share: one for each file would cost ten seconds more."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.shell import ELSEWHERE, ROOT, assert_all_gone, new_shell, running_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.shell import Shell

CONTAINERS = ROOT / "tests" / "containers"
FOREIGN_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sum:latest"


@pytest.fixture(scope="package")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell beside a running `meshtwin up`, which has two images of other people's too.

    Its clock is that of the wall; who sets another sets it back.
    """
    shell = new_shell(tmp_path_factory.mktemp("shell"))
    shell.environment |= ELSEWHERE
    options = (
        *("--container", f"echo={sys.executable} {CONTAINERS / 'echo.py'}"),
        *("--container", f"{FOREIGN_IMAGE}={sys.executable} {CONTAINERS / 'foreign.py'}"),
        *("--set", "stop_grace=1"),
    )
    with running_up(shell, *options, seconds=110) as (process, children):
        yield shell
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert_all_gone(children)
    assert not (shell.folder / "state" / "embedded.json").exists()
