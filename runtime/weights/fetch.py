"""Downloads what `meshtwin.runtime.weights.sources` names; a later run resumes an unfinished one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.runtime.weights.hub import Hub, WeightsError, partial_path
from meshtwin.runtime.weights.sources import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshtwin.runtime.settings import Settings
    from meshtwin.runtime.weights.hub import RemoteFile
    from meshtwin.runtime.weights.sources import Source

SECRET = Path("/run/secrets/hf_token")
"""Where a container finds a secret of that name: https://docs.docker.com/compose/how-tos/use-secrets/."""

NOTES = "weights.json"
"""In the folder: the Hub's id of the content of each file that is complete."""


def fetch(settings: Settings, folder: Path, environment: Mapping[str, str]) -> None:
    """Fetch what is not there yet; progress goes to standard error.

    Raises:
        WeightsError: which weights, why and what to do.
    """
    fetch_all(sources(settings), folder, token_in(environment))


def token_in(environment: Mapping[str, str]) -> str | None:
    """HF_TOKEN, or the secret of that name; None where there is neither."""
    token = environment.get("HF_TOKEN", "").strip()
    if not token and SECRET.is_file():
        token = SECRET.read_text(encoding="utf-8").strip()
    return token or None


def fetch_all(wanted: Sequence[Source], folder: Path, token: str | None) -> None:
    """Fetch `wanted` into `folder`; it starts only where there is room for all of it.

    Raises:
        WeightsError: which weights, why and what to do.
    """
    hub = Hub(token)
    with _locked(folder):
        notes = _read_notes(folder)
        missing: dict[Path, RemoteFile] = {}
        for source in wanted:
            missing |= _missing(source, hub.files(source), folder, notes)
        _check_room(folder, missing)
        for path, file in missing.items():
            hub.download(file, path)
            notes[str(path.relative_to(folder))] = file.oid
            (folder / NOTES).write_text(json.dumps(notes, indent=1), encoding="utf-8")
    _report(f"The weights are in {folder}.")


def _missing(
    source: Source, files: list[RemoteFile], folder: Path, notes: Mapping[str, str]
) -> dict[Path, RemoteFile]:
    if not files:
        raise WeightsError(f"{source}: has none of {', '.join(source.patterns)}; is the revision right?")
    paths = {folder / source.folder / file.path: file for file in files}
    missing = {
        path: file
        for path, file in paths.items()
        if not path.is_file() or notes.get(str(path.relative_to(folder))) != file.oid
    }
    size = sum(file.size for file in missing.values())
    _report(f"{source}: {len(files)} files, {_gigabytes(size)} of them to fetch")
    return missing


def _check_room(folder: Path, missing: Mapping[Path, RemoteFile]) -> None:
    needed = sum(file.size for file in missing.values())
    for path, file in missing.items():
        with contextlib.suppress(FileNotFoundError):
            needed -= partial_path(file, path).stat().st_size
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise WeightsError(
            f"--to {folder}: {_gigabytes(needed)} are to come and {_gigabytes(free)} are free; "
            "expected a folder on a larger disk"
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder: two processes would corrupt the same partial file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise WeightsError(f"--to {folder}: {error.strerror}; expected a folder to write to") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WeightsError(
                f"--to {folder}: another process fetches into it; expected one at a time"
            ) from None
        yield


def _read_notes(folder: Path) -> dict[str, str]:
    try:
        notes: dict[str, str] = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return notes


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
