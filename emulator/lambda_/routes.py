"""Routes of an HTTP API: read from `POST /build/{id}`, and the one that serves a request.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

METHODS = frozenset({"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
DEFAULT = "$default"
ANY = "ANY"

_VARIABLE = re.compile(r"\{(\w+)(\+?)\}", re.ASCII)

T = TypeVar("T")


class RouteError(ValueError):
    """What a route should look like."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path of segments; `$default` has neither."""

    key: str
    """As it was written, without surplus blanks: `GET /pets/{petID}`."""

    method: str
    segments: tuple[str, ...]

    @property
    def pattern(self) -> tuple[str, tuple[str, ...]]:
        """What two routes may not share: variables differ by name alone."""
        return self.method, tuple(_VARIABLE.sub(r"{\2}", segment) for segment in self.segments)


def parse_route(text: str) -> Route:
    """A route's key.

    Raises:
        RouteError: it is not one.
    """
    parts = text.split()
    if parts == [DEFAULT]:
        return Route(DEFAULT, ANY, ())
    if len(parts) != 2 or parts[0] not in METHODS or not parts[1].startswith("/"):  # noqa: PLR2004  # as written
        raise RouteError(f"METHOD /path with a method of {', '.join(sorted(METHODS))}, or {DEFAULT}")
    segments = tuple(parts[1][1:].split("/"))
    for number, segment in enumerate(segments, 1):
        variable = _VARIABLE.fullmatch(segment)
        if variable is None and ("{" in segment or "}" in segment):
            raise RouteError("a variable to be a whole segment, {name} or {name+}")
        if variable is not None and variable[2] and number != len(segments):
            raise RouteError("a greedy variable at the end alone")
    return Route(" ".join(parts), parts[0], segments)


def best_route(
    routes: Iterable[tuple[Route, T]], method: str, path: str
) -> tuple[Route, T, Mapping[str, str]] | None:
    """The route that serves a request, what it leads to, and the path's parameters.

    A full match comes before one with a greedy variable, that before `$default`; of several, the one with
    the longer fixed part, and the method itself before ANY. `path` is decoded.
    """
    found: list[tuple[tuple[int, ...], Route, T, Mapping[str, str]]] = []
    for route, target in routes:
        if route.method not in {ANY, method}:
            continue
        parameters = _match(route, path)
        if parameters is not None:
            found.append((_rank(route), route, target, parameters))
    return max(found, key=lambda entry: entry[0])[1:] if found else None


def _match(route: Route, path: str) -> dict[str, str] | None:
    if route.key == DEFAULT:
        return {}
    given = path.removeprefix("/").split("/")
    parameters: dict[str, str] = {}
    for number, segment in enumerate(route.segments):
        variable = _VARIABLE.fullmatch(segment)
        if variable is not None and variable[2]:
            rest = "/".join(given[number:])
            return {**parameters, variable[1]: rest} if rest else None
        if number >= len(given):
            return None
        if variable is None and segment != given[number]:
            return None
        if variable is not None:
            if not given[number]:
                return None
            parameters[variable[1]] = given[number]
    return parameters if len(given) == len(route.segments) else None


def _rank(route: Route) -> tuple[int, ...]:
    if route.key == DEFAULT:
        return (0,)
    greedy = route.segments[-1].endswith("+}")
    # From the left: fixed segments before variables, those before greedy ones; then the method before ANY.
    shape = [_fixedness(segment) for segment in route.segments]
    return (1 if greedy else 2, *shape, int(route.method != ANY))


def _fixedness(segment: str) -> int:
    variable = _VARIABLE.fullmatch(segment)
    if variable is None:
        return 2
    return 0 if variable[2] else 1
