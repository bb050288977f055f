"""A moto server in a process of its own: it can lose everything, or go and come back empty."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from http import HTTPStatus

from tests.support.waiting import wait_until


class Store:
    """S3, DynamoDB, SNS, SQS and CloudWatch at `url`, which stays the same."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve, empty."""
        command = [sys.executable, "-m", "meshtwin.cloud.local.moto.server", "--port", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        """Be gone, with everything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Be gone, and come back empty."""
        self.stop()
        self.start()

    def reset(self) -> None:
        """Lose everything from one call to the next."""
        assert self._status("POST", "/moto-api/reset") == HTTPStatus.OK

    def _answers(self) -> bool:
        try:
            return self._status("GET", "/moto-api/data.json") == HTTPStatus.OK
        except OSError:
            return False

    def _status(self, method: str, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()
