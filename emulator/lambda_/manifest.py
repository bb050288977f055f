"""The file of the functions: TOML, one table for each."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.lambda_.routes import Route, RouteError, parse_route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MEMORY = (128, 10_240)
"""MB, from and to: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

TIMEOUT = (1, 900)
"""Seconds, from and to; same page."""

RESERVED = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
})  # fmt: skip
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_VARIABLE = re.compile(r"[a-zA-Z]\w+|_HANDLER|_X_AMZN_TRACE_ID", re.ASCII)
_TOPIC = re.compile(r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}", re.ASCII)
KEYS = frozenset({
    "handler", "code", "memory", "timeout", "environment", "events", "concurrency", "retries", "maximum_age",
    "on_failure",
})  # fmt: skip
"""The keys of a function's table."""


class ManifestError(Exception):
    """The manifest cannot be used; the message names file, function, value and the fix."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the manifest. Durations are seconds."""

    name: str
    handler: str
    """`package.module.function`."""

    code: Path
    """The folder that comes first on the module path, and that is packaged."""

    memory: int = 128
    """MB."""

    timeout: float = 3.0
    environment: Mapping[str, str] = field(default_factory=dict)
    concurrency: int | None = None
    """How many may run at once; None: as many as the host lets run."""

    retries: int = 2
    """Times an asynchronous event is tried again after the function failed, 0 to 2."""

    maximum_age: float = 21_600.0
    """Seconds after which an asynchronous event is given up, 60 to 21,600."""

    on_failure: str | None = None
    """The function that is invoked with the record of an asynchronous event that was given up."""

    routes: tuple[Route, ...] = ()
    topics: tuple[str, ...] = ()
    schedules: tuple[float, ...] = ()


def load(path: Path) -> tuple[Function, ...]:
    """The functions of a manifest, in its order.

    Raises:
        ManifestError: no such file, not TOML, or an invalid function.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not TOML: {error}") from None
    if unknown := document.keys() - {"functions"}:
        raise ManifestError(f"{path}: {sorted(unknown)}: expected tables [functions.NAME] alone")
    tables = document.get("functions", {})
    if not isinstance(tables, dict):
        raise ManifestError(f"{path}: functions = {tables!r}: expected tables [functions.NAME]")
    functions = tuple(_Reader(path, name, table).function() for name, table in tables.items())
    _refuse_shared_routes(path, functions)
    _refuse_unknown_destinations(path, functions)
    return functions


def _refuse_unknown_destinations(path: Path, functions: Iterable[Function]) -> None:
    names = {function.name for function in functions}
    for function in functions:
        if function.on_failure is not None and function.on_failure not in names:
            raise ManifestError(
                f"{path}: functions.{function.name}: on_failure {function.on_failure!r}: "
                f"expected a function of this file: {', '.join(sorted(names))}"
            )


def _refuse_shared_routes(path: Path, functions: Iterable[Function]) -> None:
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for function in functions:
        for route in function.routes:
            other = seen.setdefault(route.pattern, function.name)
            if other != function.name or function.routes.count(route) > 1:
                raise ManifestError(
                    f"{path}: functions.{function.name}: the route {route.key!r} is {other}'s already"
                )


class _Reader:
    """One function's table, read key by key."""

    def __init__(self, path: Path, name: str, table: object) -> None:
        self._path, self._name = path, name
        if not _NAME.fullmatch(name):
            raise self._wrong("name", name, "1 to 64 letters, digits, - and _")
        if not isinstance(table, dict):
            raise self._wrong("table", table, f"a table [functions.{name}]")
        if unknown := sorted(table.keys() - KEYS):
            raise self._wrong("key", unknown[0], f"one of {', '.join(sorted(KEYS))}")
        self._table: dict[str, Any] = table

    def function(self) -> Function:
        events = [self._event(event) for event in self._list("events")]
        return Function(
            name=self._name,
            handler=self._handler(),
            code=self._code(),
            memory=int(self._number("memory", 128, *MEMORY, whole=True)),
            timeout=self._number("timeout", 3, *TIMEOUT, whole=True),
            environment=self._environment(),
            concurrency=int(self._number("concurrency", 1, 1, 1000, whole=True))
            if "concurrency" in self._table
            else None,
            retries=int(self._number("retries", 2, 0, 2, whole=True)),
            maximum_age=self._number("maximum_age", 21_600, 60, 21_600),
            on_failure=self._on_failure(),
            routes=tuple(event for event in events if isinstance(event, Route)),
            topics=tuple(event for event in events if isinstance(event, str)),
            schedules=tuple(event for event in events if isinstance(event, float)),
        )

    def _on_failure(self) -> str | None:
        name = self._table.get("on_failure")
        if name is not None and not isinstance(name, str):
            raise self._wrong("on_failure", name, "a function's name")
        return name

    def _handler(self) -> str:
        handler = self._table.get("handler")
        if not isinstance(handler, str) or not re.fullmatch(r"[^\s.]+(\.[^\s.]+)+", handler):
            raise self._wrong("handler", handler, "module.function, such as app.handler")
        return handler

    def _code(self) -> Path:
        code = self._table.get("code", ".")
        if not isinstance(code, str):
            raise self._wrong("code", code, "a folder, relative to the manifest")
        folder = (self._path.parent / code).resolve()
        if not folder.is_dir():
            raise self._wrong("code", code, f"a folder, and {folder} is not one")
        return folder

    def _number(self, key: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
        value = self._table.get(key, default)
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            raise self._wrong(key, value, f"{'a whole number' if whole else 'a number'}, {least} to {most}")
        return float(value)

    def _list(self, key: str) -> list[Any]:
        value = self._table.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return value

    def _environment(self) -> dict[str, str]:
        value = self._table.get("environment", {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self._wrong("environment", value, "names with strings")
        for name in value:
            if name in RESERVED:
                raise self._wrong("environment", name, "a name that Lambda does not set itself")
            if not _VARIABLE.fullmatch(name):
                raise self._wrong("environment", name, "letters, digits and _, a letter first, two at least")
        return dict(value)

    def _event(self, event: object) -> Route | str | float:
        expected = '{ http = "POST /path" }, { sns = "arn:aws:sns:..." } or { schedule = seconds }'
        if not isinstance(event, dict) or len(event) != 1:
            raise self._wrong("events", event, expected)
        ((kind, value),) = event.items()
        if kind == "http" and isinstance(value, str):
            try:
                return parse_route(value)
            except RouteError as error:
                raise self._wrong("events.http", value, str(error)) from None
        if kind == "sns":
            if not isinstance(value, str) or not _TOPIC.fullmatch(value):
                raise self._wrong("events.sns", value, "the ARN of a standard topic")
            return value
        if kind == "schedule":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 31_536_000:  # noqa: PLR2004  # a year
                raise self._wrong("events.schedule", value, "seconds, 1 to 31536000")
            return float(value)
        raise self._wrong("events", event, expected)

    def _wrong(self, key: str, value: object, expected: str) -> ManifestError:
        return ManifestError(f"{self._path}: functions.{self._name}: {key} {value!r}: expected {expected}")
