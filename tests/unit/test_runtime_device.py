"""Which device a torch backend gets, and what is said of one that is too small. No torch is needed."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from meshtwin.runtime import device
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.settings import SettingsError

A10G, L4 = "NVIDIA A10G", "NVIDIA L4"


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ("auto", [], "cpu"),
        ("auto", [A10G, L4], "cuda:0"),
        ("cpu", [A10G], "cpu"),
        ("cuda", [A10G], "cuda:0"),
        ("cuda:1", [A10G, L4], "cuda:1"),
    ],
)
def test_the_device_that_is_meant(wanted: str, found: list[str], expected: str) -> None:
    assert device.resolve(wanted, found, "2.8.0") == expected


def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        device.resolve("cuda", [], "2.8.0+cpu")
    assert str(refused.value).startswith(
        "RUNTIME_DEVICE 'cuda': torch 2.8.0+cpu sees no CUDA device; expected"
    )


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"'cuda:2'.* sees cuda:0 \(NVIDIA A10G\), cuda:1 \(NVIDIA L4\);"):
        device.resolve("cuda:2", [A10G, L4], "2.8.0")


def test_the_cpu_is_chosen_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("RUNTIME_DEVICE", "cpu")
    assert device.choose() == "cpu"
    assert device.peak_bytes("cpu") is None
    assert device.run_on("cpu", lambda: 7) == 7


class _OutOfMemoryError(RuntimeError):
    """torch.cuda's, in its words."""


REASON = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 22.06 GiB of which "
    "1.50 GiB is free. Process 71 has 20.56 GiB memory in use. "
)
MESSAGE = (
    f"{REASON}Of the allocated memory 20.00 GiB is allocated by PyTorch, and 300.00 MiB is reserved by "
    "PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  "
    "See documentation for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


def test_too_little_memory_is_told_in_the_contracts_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    cuda = SimpleNamespace(
        OutOfMemoryError=_OutOfMemoryError,
        reset_peak_memory_stats=lambda name: calls.append(f"reset {name}"),
        empty_cache=lambda: calls.append("empty"),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    def job() -> Any:
        calls.append("job")
        raise _OutOfMemoryError(MESSAGE)

    with pytest.raises(JobError) as failed:
        device.run_on("cuda:0", job)
    assert failed.value.code is ErrorCode.OUT_OF_GPU_MEMORY
    assert failed.value.message == (
        f"cuda:0: {REASON}Lower octree_resolution or texture_size, or take a device with more memory"
    )
    assert calls == ["reset cuda:0", "job", "empty"]


def test_a_backend_on_cuda_without_torch_minds_its_own_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert device.run_on("cuda:0", lambda: 7) == 7
    assert device.peak_bytes("cuda:0") is None
