"""The build API's client against a server that answers as it is told."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.admin import Emulator
from meshtwin.cloud.createbuild.api import BuildApi
from meshtwin.cloud.errors import CloudError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def serving(status: int, body: bytes, *, cut: int = 0) -> Iterator[str]:
    """A server's URL; `cut` bytes of each answer never come."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + cut))
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


def test_an_artefact_is_fetched_as_it_is_and_past_the_proxy(tmp_path: Path) -> None:
    with serving(200, b"compressed by whoever wrote it") as url:
        BuildApi(url, "token", direct=True).fetch(f"{url}/build.json.gz", tmp_path / "file")
        with pytest.raises(UnavailableError, match="cannot be fetched"):
            BuildApi(url, "token").fetch(url, tmp_path / "other")
    assert (tmp_path / "file").read_bytes() == b"compressed by whoever wrote it"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("status", "cut"), [(200, 1), (403, 0)])
def test_half_an_artefact_or_none_leaves_no_file(tmp_path: Path, status: int, cut: int) -> None:
    with serving(status, b"half", cut=cut) as url, pytest.raises(UnavailableError, match="cannot be fetched"):
        BuildApi(url, "token", direct=True).fetch(url, tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_api(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(200, b"x") as url, pytest.raises(OSError, match=r"exists|Not a directory"):
        BuildApi(url, "token", direct=True).fetch(url, tmp_path / "file" / "x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[", "http://x:port"])
def test_an_address_where_nobody_is_is_named(url: str) -> None:
    with pytest.raises(UnavailableError, match="does not answer at"):
        BuildApi(url, "token", direct=True).status("job")
    with pytest.raises(UnavailableError, match="does not answer"):
        Emulator(url, "key").request("/health")


def test_what_is_no_json_is_shown() -> None:
    with serving(200, b"") as url, pytest.raises(UnavailableError, match="expected JSON, not ''"):
        BuildApi(url, "token", direct=True).status("job")


@pytest.mark.parametrize(
    ("status", "kind"), [(404, UsageError), (401, UnavailableError), (502, UnavailableError)]
)
def test_a_refusal_is_the_callers_or_the_apis(status: int, kind: type[CloudError]) -> None:
    with serving(status, b"") as url, pytest.raises(kind):
        BuildApi(url, "token", direct=True).status("job")
