"""A LocalStack of a test's own, in a container."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container
    from testcontainers.core.network import Network

IMAGE = "localstack/localstack:4.14.0"
PORT = 4566
ALIAS = "localstack"
SERVICES = "s3,dynamodb,sns,sqs,cloudwatch,sts,iam"


@dataclass(frozen=True)
class LocalStack:
    """One that is up, at a port that stays the same for as long as its container is not restarted."""

    url: str
    container: Container


@contextmanager
def localstack(network: Network | None = None) -> Iterator[LocalStack]:
    """LocalStack, ready, on a network as `localstack`; removed at the end, whatever happens."""
    wanted = (
        DockerContainer(IMAGE)
        .with_exposed_ports(PORT)
        .with_env("SERVICES", SERVICES)
        .with_env("EAGER_SERVICE_LOADING", "1")
        .waiting_for(HttpWaitStrategy(PORT, "/_localstack/health").with_startup_timeout(120))
    )
    if network is not None:
        wanted = wanted.with_network(network).with_network_aliases(ALIAS)
    with wanted as started:
        url = f"http://{started.get_container_host_ip()}:{started.get_exposed_port(PORT)}"
        yield LocalStack(url, started.get_wrapped_container())
