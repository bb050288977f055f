"""How the emulator and its containers reach each other, and the store.

On the host, the emulator calls a container through a port that is published on 127.0.0.1. In a container it
shares a network with its instances, and calls them by their addresses there. Instances join the network of
the store's container where there is one, and get its address: an address, and not its name, because every
AWS SDK then calls S3 in path style, without a setting of its own.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker.errors import NotFound

from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as DockerContainer

_ENDPOINT_URL = "AWS_ENDPOINT_URL"
_PASSED_ON = frozenset({
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
})  # fmt: skip
"""Of the emulator's AWS settings, those that mean the same in a container; files and profiles do not."""

_DEFAULT_NETWORK = "bridge"


class Reach:
    """The networks now: made for each container, as the store's address may change when it restarts.

    Raises:
        FleetFailedError: the network that the settings name is not there.
    """

    def __init__(self, client: DockerClient, network: str) -> None:
        self._client = client
        self._own = own_container(client)
        self.network = self._chosen(network)
        """The network that instances join."""

    @property
    def inside(self) -> bool:
        """Whether the emulator is a container of the engine itself."""
        return self._own is not None

    def environment(self) -> dict[str, str]:
        """The emulator's AWS settings, as a container on the network needs them."""
        settings = {name: value for name, value in os.environ.items() if name in _PASSED_ON and value}
        for name, value in os.environ.items():
            if name.startswith(_ENDPOINT_URL) and value:
                settings[name] = self.url(value)
        return settings

    def url(self, url: str) -> str:
        """`url` as a container on the network has to call it."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if self.inside:
            if "." in host or ":" in host:
                return url
            return parts._replace(netloc=f"{socket.gethostbyname(host)}:{port}").geturl()
        if not is_loopback(host):
            return url
        publisher = self._publisher(port)
        if publisher is None:
            return parts._replace(netloc=f"{self._gateway()}:{port}").geturl()
        address, private = self._address(publisher, port)
        return parts._replace(netloc=f"{address}:{private}").geturl()

    def _chosen(self, network: str) -> str:
        if network:
            try:
                self._client.networks.get(network)
            except NotFound:
                known = ", ".join(sorted(str(found.name) for found in self._client.networks.list()))
                raise FleetFailedError(
                    f"docker_network {network!r}: the engine has no such network, but {known}"
                ) from None
            return network
        if self._own is not None:
            return next(iter(_networks(self._own.attrs)), _DEFAULT_NETWORK)
        port = urlsplit(os.environ.get(_ENDPOINT_URL, "")).port
        publisher = self._publisher(port) if port else None
        return next(iter(_networks(publisher)), _DEFAULT_NETWORK) if publisher else _DEFAULT_NETWORK

    def _publisher(self, port: int) -> dict[str, Any] | None:
        """The running container that publishes `port` on this host."""
        found: list[dict[str, Any]] = self._client.api.containers(filters={"publish": str(port)})
        return found[0] if found else None

    def _address(self, publisher: dict[str, Any], port: int) -> tuple[str, int]:
        networks = _networks(publisher)
        attached = networks.get(self.network) or next(iter(networks.values()), {})
        private = next(each["PrivatePort"] for each in publisher["Ports"] if each.get("PublicPort") == port)
        return attached.get("IPAddress") or self._gateway(), int(private)

    def _gateway(self) -> str:
        """The host, as a container on the network sees it."""
        configs = self._client.networks.get(self.network).attrs["IPAM"]["Config"] or []
        gateways = [config["Gateway"] for config in configs if "Gateway" in config]
        return gateways[0] if gateways else "host.docker.internal"


def _networks(container: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = container["NetworkSettings"]["Networks"]
    return found


def own_container(client: DockerClient) -> DockerContainer | None:
    """The engine's container that this process runs in, if it does: its host name is the container's id."""
    host = socket.gethostname()
    try:
        found = client.containers.get(host)
    except NotFound:
        return None
    return found if str(found.id).startswith(host) else None


def is_loopback(host: str) -> bool:
    """Whether `host` is this very machine to whoever calls it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
