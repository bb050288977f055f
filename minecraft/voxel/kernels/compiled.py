"""Compiles loops with numba and caches the machine code between processes.

numba's cache is in NUMBA_CACHE_DIR, beside the source, or in the user's cache folder: the first that can be
written. An image's own cache is read-only when a Lambda runs, so it is copied to a temporary folder first;
without any such folder, each process compiles for itself.
https://numba.readthedocs.io/en/stable/developer/caching.html

Machine code is for one kind of processor. An image that will run on others sets NUMBA_CPU_NAME and
NUMBA_CPU_FEATURES, the same when it is built and when it runs.
https://numba.readthedocs.io/en/stable/reference/envvars.html#envvar-NUMBA_CPU_NAME
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

_config: Any = import_module("numba.core.config")

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, compiled at its first call with given types unless cached."""
    return _compile(function)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """The same for what compiled code calls, and which makes no array.

    It counts no references to the arrays that it is lent: their caller holds them. numba takes such counting
    out of simple functions alone, and it can be most of a small one's time.
    https://github.com/numba/numba/issues/2345, https://github.com/numba/numba/issues/2350
    """
    return _compile(function, _nrt=False)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """As `inner`, made part of each function that calls it: for what is called for each sample."""
    return _compile(function, _nrt=False, forceinline=True)


def _compile(function: Callable[P, R], **options: bool) -> Callable[P, R]:
    _make_cache_writable()
    stamped = _stamp(cast("FunctionType", function))
    njit: Any = numba.njit
    compiler = njit(cache=True, nogil=True, error_model="numpy", **options)
    try:
        return cast("Callable[P, R]", compiler(stamped))
    except RuntimeError:
        # numba found no folder that it can write.
        _config.CACHE_DIR = _temporary()
        return cast("Callable[P, R]", compiler(stamped))


def _stamp(function: FunctionType) -> FunctionType:
    """The same function, with the state of the package's sources as a closure.

    numba takes a cached function as stale when its own file changes, but not when a file changes from which
    it calls; what its closure holds is part of the key.
    """
    code = function.__code__.replace(co_freevars=("sources",))
    stamped = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, (CellType(_sources()),)
    )
    stamped.__doc__, stamped.__qualname__ = function.__doc__, function.__qualname__
    stamped.__module__ = function.__module__
    return stamped


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _make_cache_writable() -> None:
    """Copies a cache that cannot be written to where it can."""
    given = str(_config.CACHE_DIR or "")
    if given and Path(given).is_dir() and not os.access(given, os.W_OK):
        folder = _temporary()
        shutil.copytree(given, folder, dirs_exist_ok=True)
        _config.CACHE_DIR = folder


@cache
def _temporary() -> str:
    folder = tempfile.mkdtemp(prefix="kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
