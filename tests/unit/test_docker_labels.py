"""What belongs to a `meshtwin up` on an engine, by labels: that is taken away, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from meshtwin.cloud.check import Level
from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.docker.compose import is_running, remove_project
from meshtwin.cloud.local.docker.engine import engine_url, remove
from meshtwin.cloud.local.docker.images import image
from meshtwin.cloud.local.docker.labels import leftovers, owner_of
from meshtwin.cloud.local.doctor import local
from meshtwin.cloud.local.doctor.engine import engine as checked_engine
from meshtwin.emulator.core.owner import new_owner
from tests.support.docker_api import DockerApi, container, docker_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEAD = f"{os.uname().nodename}:1:1700000000.00"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerApi]:
    with docker_api() as api:
        monkeypatch.setenv("DOCKER_HOST", api.url)
        yield api


def labels(project: str, owner: str) -> dict[str, str]:
    return {"com.docker.compose.project": project, "meshtwin.up": owner}


def test_a_network_without_containers_is_in_nobodys_way(engine: DockerApi) -> None:
    engine.networks = [{"Id": "n", "Labels": labels("p", "")}]
    assert owner_of("p") is None
    assert local.project("p").level is Level.OK
    assert not leftovers()


def test_doctor_and_up_find_the_same_in_the_way(engine: DockerApi) -> None:
    engine.containers = [container("a", labels("p", "")), container("b", labels("mine", new_owner()))]
    for may_run in (False, True):
        assert local.project("p", may_run=may_run).level is Level.FAIL
    assert local.project("mine").level is Level.FAIL
    assert local.project("mine", may_run=True).level is Level.OK


def test_what_a_dead_one_left_is_its_own(engine: DockerApi) -> None:
    engine.networks = [{"Id": "n", "Labels": labels("p", DEAD)}]
    engine.containers = [container("i", {"meshtwin.emulator-owner": DEAD})]
    assert leftovers().projects == (("p", DEAD),)


def test_only_its_own_is_taken_away_and_no_volume(engine: DockerApi) -> None:
    engine.containers = [container("c1", labels("p", DEAD)), container("c2", labels("p", new_owner()))]
    engine.networks = [{"Id": "n1", "Labels": labels("p", DEAD)}, {"Id": "n2", "Labels": labels("p", "")}]
    remove_project("p", DEAD)
    assert engine.changes == [
        "POST /containers/c1/stop?t=3",
        "DELETE /containers/c1?v=True&link=False&force=True",
        "DELETE /networks/n1",
    ]


def test_what_is_gone_already_is_passed_over(engine: DockerApi) -> None:
    remove(["gone"])
    assert engine.changes == ["DELETE /containers/gone?v=True&link=False&force=True"]
    assert not is_running("gone")
    assert image("gone") is None


def test_an_engine_that_this_user_may_not_talk_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_connection: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("docker.transport.unixconn.UnixHTTPConnection.connect", refuse)
    check = checked_engine()
    assert check.level is Level.FAIL
    assert "this user has no access: cannot connect to the Docker Engine at unix:///" in check.found
    assert "usermod" in check.fix


def test_the_engine_is_that_of_the_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest()
    folder.mkdir(parents=True)
    endpoint = {"Host": "tcp://127.0.0.1:1", "SkipTLSVerify": False}
    meta = {"Name": "mine", "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (folder / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert engine_url() == "tcp://127.0.0.1:1"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert engine_url().startswith("unix://")
    monkeypatch.setenv("DOCKER_CONTEXT", "nobodys")
    with pytest.raises(UnavailableError, match="there is no docker context 'nobodys'"):
        engine_url()
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2")
    assert engine_url() == "tcp://127.0.0.1:2"


@pytest.mark.parametrize(
    ("started", "is_left"), [("2023-11-14T22:13:20", False), ("2026-01-01T00:00:00", True)]
)
def test_what_a_container_left_before_it_was_started_again_is_left(
    engine: DockerApi, started: str, *, is_left: bool
) -> None:
    owner = "0123456789ab:7:1700000000.00:4026531836:5f3a9c01"
    it = container("0123456789ab" + "0" * 52, {}) | {"State": {"StartedAt": f"{started}.123456789Z"}}
    engine.containers = [container("left", labels("p", owner)), it]
    assert leftovers().projects == ((("p", owner),) if is_left else ())
    assert local.project("p").level is (Level.OK if is_left else Level.FAIL)
