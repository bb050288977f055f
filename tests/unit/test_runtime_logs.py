"""What is logged holds nobody up, however slowly it is read."""

from __future__ import annotations

import io
import json
import threading
from typing import cast

from runtime.logs import Writer


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


def test_an_output_that_is_closed_is_no_error() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    writer = Writer(cast("io.StringIO", Closed()))
    writer.write("a\n")
    writer.write("b\n")
    writer.drain(60)
