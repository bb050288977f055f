"""Downloads from Hugging Face's Hub that resume where an earlier process stopped.

huggingface_hub's own `snapshot_download` restarts a file in each process, and the largest here has 7 GB.
"""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from huggingface_hub.errors import HfHubHTTPError

    from meshtwin.runtime.weights.sources import Source


class WeightsError(Exception):
    """Weights cannot be fetched; the message says which, why, and the fix."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: `oid` identifies its content, as does `sha256` where the Hub has one."""

    source: Source
    path: str
    size: int
    oid: str
    sha256: str


class Hub:
    """The Hub at HF_ENDPOINT, for one token.

    Raises:
        WeightsError: the package huggingface_hub is missing; from each call, what went wrong.
    """

    def __init__(self, token: str | None) -> None:
        try:
            import huggingface_hub  # noqa: F401, PLC0415  # the cpu image has none
        except ImportError:
            raise WeightsError(
                "weights need the package huggingface_hub, which is not installed here: "
                "only the cuda image has it, and only its backend has weights"
            ) from None
        self._token = token

    def files(self, source: Source) -> list[RemoteFile]:
        """The files of `source`."""
        from huggingface_hub import HfApi, RepoFile  # noqa: PLC0415  # see above

        listing = HfApi(token=self._token or False).list_repo_tree(
            source.repository, recursive=True, revision=source.revision, repo_type=source.kind
        )
        try:
            found = [each for each in listing if isinstance(each, RepoFile) and source.wants(each.path)]
        except Exception as error:
            raise self._explained(source, error) from error
        return [
            RemoteFile(
                source,
                each.path,
                each.size,
                each.blob_id,
                source.sha256 or (each.lfs.sha256 if each.lfs else ""),
            )
            for each in found
        ]

    def download(self, file: RemoteFile, to: Path) -> None:
        """Fetch the rest of `file` into a file beside `to`, verify its SHA-256, and move it to `to`."""
        partial = partial_path(file, to)
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._append(file, partial)
        except Exception as error:
            raise self._explained(file.source, error) from error
        if file.sha256:
            with partial.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != file.sha256:
                partial.unlink()
                raise WeightsError(
                    f"{file.source}: {file.path} has SHA-256 {found}; expected {file.sha256}. "
                    "It was deleted; the next try fetches it again"
                )
        partial.replace(to)

    def _append(self, file: RemoteFile, partial: Path) -> None:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415  # see above
        from huggingface_hub.file_download import http_get  # noqa: PLC0415

        source = file.source
        url = hf_hub_url(source.repository, file.path, repo_type=source.kind, revision=source.revision)
        with partial.open("ab") as content:
            http_get(
                url,
                content,
                resume_size=content.tell(),
                headers={"authorization": f"Bearer {self._token}"} if self._token else {},
                expected_size=file.size,
                displayed_filename=file.path,
            )

    def _explained(self, source: Source, error: Exception) -> Exception:
        """The error with a readable message, or unchanged where it is unexpected."""
        reason = _reason(error, self._token)
        return error if reason is None else WeightsError(f"{source}: {reason}")


def partial_path(file: RemoteFile, to: Path) -> Path:
    """The path of an unfinished download; it has the content's id, so that no other content resumes it."""
    return to.with_name(f"{to.name}.{file.oid[:12]}.partial")


def _reason(error: Exception, token: str | None) -> str | None:
    from httpx import TransportError  # noqa: PLC0415  # huggingface_hub's own
    from huggingface_hub import errors  # noqa: PLC0415  # see above

    match error:
        case errors.HfHubHTTPError():
            return _refused(error, token)
        case errors.OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set; expected it unset where weights are to be fetched"
        case TransportError():
            return (
                f"the Hub cannot be reached ({error}); is there a network, and is HF_ENDPOINT right? "
                "What was fetched is kept, and the next run resumes it"
            )
        case OSError(errno=errno.ENOSPC):
            return "the disk is full; what was fetched is kept, and the next run resumes it"
        case OSError(strerror=str(strerror), filename=filename):
            return f"{filename}: {strerror}; expected a folder that can be written to"
    return None


def _refused(error: HfHubHTTPError, token: str | None) -> str:
    status = error.response.status_code
    if error.response.headers.get("X-Error-Code") == "RevisionNotFound":
        return "no such revision; expected a commit, tag or branch that the repository has"
    if status in {401, 403, 404}:
        there = "HF_TOKEN may not read it" if token else "no HF_TOKEN is set"
        return (
            f"the Hub answers {status}, and {there}; expected a token of "
            "https://huggingface.co/settings/tokens, of an account that has accepted the model's licence"
        )
    return f"the Hub answers {status}; what was fetched is kept, and the next run resumes it"
