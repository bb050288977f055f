from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.lambda_.routes import RouteError, best_route, parse_route

SEGMENTS = st.text("abc123-._~", min_size=1, max_size=4)


@pytest.mark.parametrize(
    "text",
    ["", "GET", "GET path", "get /", "GET /a b", "GET /{a", "GET /a{b}", "GET /{a+}/b", "$other", "GET /{}"],
)
def test_what_is_no_route(text: str) -> None:
    with pytest.raises(RouteError):
        parse_route(text)


def test_a_route_is_chosen_whatever_the_order() -> None:
    keys = ["$default", "ANY /{proxy+}", "ANY /a/{proxy+}", "GET /a/{x}", "GET /a/b", "ANY /a/b"]
    expected = {
        ("GET", "/a/b"): "GET /a/b",
        ("PUT", "/a/b"): "ANY /a/b",
        ("GET", "/a/c"): "GET /a/{x}",
        ("PUT", "/a/c"): "ANY /a/{proxy+}",
        ("GET", "/a/b/c"): "ANY /a/{proxy+}",
        ("GET", "/b"): "ANY /{proxy+}",
        ("GET", "/"): "$default",
    }
    for order in (keys, keys[::-1]):
        routes = [(parse_route(key), key) for key in order]
        for (method, path), key in expected.items():
            found = best_route(routes, method, path)
            assert found is not None
            assert found[1] == key, (method, path)


@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.data())
def test_parameters_are_the_path_again(segments: list[str], data: st.DataObject) -> None:
    variable = data.draw(st.lists(st.booleans(), min_size=len(segments), max_size=len(segments)))
    parts = [
        f"{{v{place}}}" if chosen else segment
        for place, (segment, chosen) in enumerate(zip(segments, variable, strict=True))
    ]
    route = parse_route("GET /" + "/".join(parts))
    found = best_route([(route, None)], "GET", "/" + "/".join(segments))
    assert found is not None
    assert found[2] == {f"v{place}": segments[place] for place, chosen in enumerate(variable) if chosen}
    greedy = parse_route("GET /{all+}")
    whole = best_route([(greedy, None)], "GET", "/" + "/".join(segments))
    assert whole is not None
    assert whole[2] == {"all": "/".join(segments)}
