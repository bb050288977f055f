"""A LocalStack that is paused, cut off the network and restarted; its port stays the same."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import docker
from docker.errors import APIError
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container
    from docker.models.networks import Network as DockerNetwork

IMAGE = "localstack/localstack:4.14.0"
PORT = 4566
ALIAS = "localstack"
"""Its name on its network."""

SERVICES = "s3,dynamodb,sns,sqs,cloudwatch,sts"
LABEL = "meshtwin.test"


class LocalStack:
    """S3, DynamoDB, SNS, SQS and CloudWatch at `url`, and as `localstack` on `network`."""

    def __init__(self, container: Container, network: DockerNetwork, port: int, *, eager: bool) -> None:
        self._loaded = {"running"} if eager else {"running", "available"}
        self._container = container
        self._network = network
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self.network = str(network.name)

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, 180)

    def pause(self) -> None:
        """Stop all of its processes where they stand: by signal where the kernel has no freezer."""
        try:
            self._container.pause()
        except APIError as error:
            if "unable to freeze" not in str(error):
                raise
            self._signal_all("STOP")

    def unpause(self) -> None:
        self._container.reload()
        if self._container.status == "paused":
            self._container.unpause()
        else:
            self._signal_all("CONT")

    def _signal_all(self, name: str) -> None:
        done = self._container.exec_run(["sh", "-c", f"kill -{name} -1"])
        assert done.exit_code == 0, done.output

    def cut_off(self) -> None:
        """Take it out of its network."""
        self._network.disconnect(self._container)

    def connect(self) -> None:
        self._network.connect(self._container, aliases=[ALIAS])

    def end(self) -> None:
        """End it before it is removed: an engine that removes a running container may keep its endpoint.

        Its network then cannot be removed any more, as it `has active endpoints` of nobody.
        """
        self._container.reload()
        if self._container.status == "paused":
            self._container.unpause()
        if self._container.status in {"paused", "running"}:
            self._container.kill()
            self._container.wait(timeout=60)

    def restart(self) -> None:
        """Come back empty: the free edition keeps nothing."""
        self._container.restart(timeout=10)
        self.wait_until_ready()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/_localstack/health")
            response = connection.getresponse()
            return response.status == HTTPStatus.OK and self._runs(json.loads(response.read()))
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _runs(self, health: dict[str, Any]) -> bool:
        return all(health["services"].get(name) in self._loaded for name in SERVICES.split(","))


@contextmanager
def localstack(label: str = "", *, eager: bool = True) -> Iterator[LocalStack]:
    """LocalStack, ready; container and network are removed at the end, whatever happens.

    Not `eager`, it loads a service when that is first called.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    labels = {LABEL: label}
    with closing(docker.from_env()) as engine, Network(docker_network_kw={"labels": labels}) as network:
        wanted = (
            DockerContainer(IMAGE, labels=labels)
            .with_network(network)
            .with_network_aliases(ALIAS)
            .with_env("SERVICES", SERVICES)
            .with_env("EAGER_SERVICE_LOADING", "1" if eager else "0")
            # The URLs of its queues.
            .with_env("LOCALSTACK_HOST", f"127.0.0.1:{port}")
            .with_env("SQS_ENDPOINT_STRATEGY", "path")
        )
        # Its own method takes no address.
        wanted.ports[f"{PORT}/tcp"] = ("127.0.0.1", port)  # type: ignore[assignment]  # as Docker's SDK does
        with wanted as started:
            made = LocalStack(
                started.get_wrapped_container(), engine.networks.get(network.name), port, eager=eager
            )
            try:
                made.wait_until_ready()
                yield made
            finally:
                made.end()
