"""Which backend a container takes."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from meshtwin.runtime.backends import registry

if TYPE_CHECKING:
    from pathlib import Path


def test_auto_takes_relief_where_nothing_else_can_be_had() -> None:
    assert registry.load("auto").name == "relief"


def test_auto_does_not_put_up_with_the_cpu_where_cuda_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DEVICE", "cuda")
    with pytest.raises(registry.BackendUnavailableError) as refused:
        registry.load("auto")
    assert str(refused.value).startswith(
        "RUNTIME_DEVICE 'cuda', RUNTIME_BACKEND 'auto': hunyuan: this version has no such backend yet"
    )
    assert "relief does not run there; expected an available device" in str(refused.value)


def test_asking_for_what_is_not_there_says_what_is_missing_and_what_to_do() -> None:
    with pytest.raises(registry.BackendUnavailableError) as refused:
        registry.load("hunyuan")
    assert str(refused.value).startswith("RUNTIME_BACKEND 'hunyuan': this version has no such backend yet")
    assert "expected relief" in str(refused.value)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose packages are the files in this folder."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("fast_weights", "fast_backend"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "fast_backend.py").write_text(
        "class Fast:\n    name = 'fast'\n    device = 'cuda'\n", encoding="utf-8"
    )
    return tmp_path


def with_cuda(monkeypatch: pytest.MonkeyPatch, *, available: bool) -> None:
    torch, cuda = ModuleType("torch"), ModuleType("torch.cuda")
    cuda.is_available = lambda: available  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch.cuda", cuda)


def test_auto_wants_the_package_and_cuda_both(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = registry.Entry("fast_backend:Fast", needs=("fast_weights",), cuda=True)
    monkeypatch.setattr(registry, "KNOWN", {"fast": fast, "relief": registry.KNOWN["relief"]})
    assert "fast_weights" in str(registry.missing(fast))
    assert registry.load("auto").name == "relief"
    (machine / "fast_weights.py").touch()
    with_cuda(monkeypatch, available=False)
    assert "CUDA" in str(registry.missing(fast))
    assert registry.load("auto").name == "relief"
    with_cuda(monkeypatch, available=True)
    assert registry.missing(fast) is None
    assert (registry.load("auto").name, registry.load("fast").device) == ("fast", "cuda")
    monkeypatch.setenv("RUNTIME_DEVICE", "cpu")
    assert registry.load("auto").name == "relief"


def test_anybodys_backend_is_taken_by_its_path(machine: Path) -> None:
    assert machine.exists()
    assert registry.load("fast_backend:Fast").name == "fast"


@pytest.mark.parametrize("path", ["no_such_module:Fast", "fast_backend:Slow"])
def test_a_path_that_leads_nowhere_is_refused(machine: Path, path: str) -> None:
    assert machine.exists()
    with pytest.raises(registry.BackendUnavailableError, match=f"RUNTIME_BACKEND '{path}'.*module:Class"):
        registry.load(path)
