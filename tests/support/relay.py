"""A TCP relay in front of a server, which can be shut in the middle of everything."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from urllib.parse import urlsplit


class Relay:
    """Passes connections on to the server at `url`, on a port that stays the same."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listener: socket.socket | None = None
        self._port = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and break those there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def pause(self) -> None:
        """Keep connections, and let nothing through."""
        self._flows.clear()

    def resume(self) -> None:
        """Let everything through again, what came meanwhile included."""
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with contextlib.suppress(ConnectionRefusedError), near, socket.create_connection(self._target) as far:
            self._join(near, far)

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ends = {near: far, far: near}
            with self._lock:
                self._open.update(ends)
            for end in ends:
                ready.register(end, selectors.EVENT_READ)
            with contextlib.suppress(OSError):
                while all(self._copy(key.fileobj, ends) for key, _ in ready.select()):
                    pass
            with self._lock:
                self._open.difference_update(ends)

    def _copy(self, source: object, ends: dict[socket.socket, socket.socket]) -> bool:
        assert isinstance(source, socket.socket)
        chunk = source.recv(65536)
        self._flows.wait()
        ends[source].sendall(chunk)
        return bool(chunk)
