"""What is logged holds nobody up, however slowly it is read."""

from __future__ import annotations

import io
import json
import os
import threading
from typing import TYPE_CHECKING, cast

from meshtwin.runtime.logs import Writer

if TYPE_CHECKING:
    from pathlib import Path


class Stalled(io.StringIO):
    """Standard output that somebody stopped reading, until they go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.goes_on.wait(60)
        return super().write(text)


def test_a_reader_that_stalls_costs_lines_but_no_time() -> None:
    target = Stalled()
    writer = Writer(target, most=10)
    writer.write("0\n")
    assert target.reached.wait(60)
    for number in range(1, 31):
        writer.write(f"{number}\n")
    writer.drain(0)
    target.goes_on.set()
    writer.drain(60)
    lines = target.getvalue().splitlines()
    assert [line for line in lines if line.isdigit()] == [str(number) for number in range(11)]
    (told,) = [json.loads(line) for line in lines if not line.isdigit()]
    assert (told["event"], told["lines"]) == ("log_lines_dropped", 20)


def test_a_pipe_that_nobody_reads_holds_nothing_up() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "w", encoding="utf-8") as target:
        writer = Writer(target)
        lines = [f"{number:0100}\n" for number in range(3000)]
        for line in lines:
            writer.write(line)
        # Far more than a pipe holds.
        assert pipe.read(sum(map(len, lines))).decode() == "".join(lines)


def test_a_file_has_each_line_as_it_is_logged(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as target:
        writer = Writer(target)
        for length in (10, 10_000):
            writer.write("x" * length + "\n")
            assert (tmp_path / "log").read_text(encoding="utf-8").endswith("x" * length + "\n")


def test_an_output_that_is_closed_is_no_error() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    writer = Writer(cast("io.StringIO", Closed()))
    writer.write("a\n")
    writer.write("b\n")
    writer.drain(60)
