"""A program's log: one JSON object a line, without what was in local variables; files of its owner alone."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.emulator.core.private import make_private, touch_private

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception"}

PROGRAM = """
import logging, sys, threading, structlog
from meshtwin.emulator.core.logs import configure_logging
configure_logging()
def fail(name):
    secret = "LEAKED"
    raise ValueError(name)
try:
    fail("ours")
except ValueError:
    structlog.get_logger().exception("ours")
    logging.getLogger("uvicorn.error").exception("a library's %s", "words")
thread = threading.Thread(target=fail, args=("a thread's",))
thread.start()
thread.join()
fail("the end")
"""


def test_whoever_logs_logs_one_line_of_json_without_local_variables() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    events = ["ours", "a library's words", "uncaught_exception", "uncaught_exception"]
    assert [entry["event"] for entry in entries] == events
    values = [entry["exception"][0]["exc_value"] for entry in entries]
    assert values == ["ours", "ours", "a thread's", "the end"]
    assert done.returncode == 1
    assert "LEAKED" not in done.stderr


def test_new_files_and_folders_are_their_owner_s(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    log = touch_private(tmp_path / "there" / "new" / "log")
    log.write_bytes(b"kept")
    assert touch_private(log).read_bytes() == b"kept"
    folder = make_private(tmp_path / "a" / "b")
    modes = [path.stat().st_mode & 0o777 for path in (log, log.parent, folder, folder.parent, log.parents[1])]
    assert modes == [0o600, 0o700, 0o700, 0o700, 0o755]


def events(path: Path) -> Iterator[str]:
    """The first argument of each call on a log, as it stands in the source."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            of = ast.unparse(node.func.value)
            if of.endswith(("log", "told")) and node.args:
                yield ast.unparse(node.args[0])


def test_each_event_is_a_name_that_can_be_searched_for() -> None:
    found = [event for path in (ROOT / "emulator").rglob("*.py") for event in events(path)]
    found += [event for path in (ROOT / "runtime").rglob("*.py") for event in events(path)]
    assert len(found) > 100
    assert [event for event in found if not re.fullmatch(r"'[a-z0-9]+(_[a-z0-9]+)*'", event)] == []
