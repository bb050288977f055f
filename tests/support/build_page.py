"""The build document as docs/build-format.md has it: the example, the reader and the schema."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCS = Path(__file__).parents[2] / "docs"
Cell = tuple[int, int, int]


def fenced(language: str) -> str:
    """The page's only block of that language."""
    (found,) = re.findall(
        rf"```{language}\n(.*?)```", (DOCS / "build-format.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return str(found)


def example() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fenced("json"))
    return found


@cache
def schema() -> Draft202012Validator:
    found = json.loads((DOCS / "build-format.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@cache
def page_reader() -> dict[str, Any]:
    """The names that the page's reader defines."""
    names: dict[str, Any] = {}
    exec(compile(fenced("python"), "build-format.md", "exec"), names)  # noqa: S102  # the project's own page
    return names


def placed(data: bytes, start: int = 0) -> dict[Cell, str]:
    """The world's blocks once the page's reader has placed a document from a section on; none comes twice."""
    world: dict[Cell, str] = {}

    def set_block(x: int, y: int, z: int, state: str) -> None:
        assert (x, y, z) not in world
        world[x, y, z] = state

    read = page_reader()
    read["place"](read["read_build"](data), set_block, start)
    return world
