"""What AWS answered once, less all that changes from run to run: emulated profiles are held to it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ARN = re.compile(r"(arn:aws[a-z-]*:[a-z-]+):[a-z0-9-]*:\d{12}:")
_ID = re.compile(r"scalable-target/[0-9a-z]+")


class Snapshot:
    """The answers of one test, by name."""

    def __init__(self, path: Path, test: str, *, record: bool, about: dict[str, str] | None = None) -> None:
        self._path = path
        self._test = test
        self._record = record
        self._about = about or {}
        self._hidden: list[tuple[str, str]] = []
        self._seen: dict[str, Any] = {}
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._file: dict[str, Any] = kept
        self._known: dict[str, Any] = kept.get(test, {}).get("answers", {})

    def hide(self, value: str, placeholder: str) -> None:
        """Replace a name that the test has made up, in any case."""
        self._hidden.append((value, f"<{placeholder}>"))

    def match(self, name: str, answer: object) -> None:
        """Keep the answer, or compare it with the one that is kept, if there is one."""
        found = self.normal(answer)
        self._seen[name] = found
        if not self._record and name in self._known:
            assert found == self._known[name], f"{self._test}: {name} differs from what AWS answered"

    def close(self) -> None:
        """Write what was recorded."""
        if self._record and self._seen:
            self._file[self._test] = {**self._about, "answers": self._seen}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._file, indent=2, sort_keys=True)
            self._path.write_text(text + "\n", encoding="utf-8")

    def normal(self, answer: object) -> Any:
        """The answer as it is kept."""
        if isinstance(answer, dict):
            return {
                str(name): self.normal(value) for name, value in answer.items() if name != "ResponseMetadata"
            } | self._status(answer)
        if isinstance(answer, list):
            return [self.normal(value) for value in answer]
        if isinstance(answer, dt.datetime):
            return "<time>"
        if isinstance(answer, str):
            return self._text(answer)
        return answer

    def _status(self, answer: dict[str, Any]) -> dict[str, Any]:
        metadata = answer.get("ResponseMetadata")
        return {"HTTPStatusCode": metadata["HTTPStatusCode"]} if metadata else {}

    def _text(self, text: str) -> str:
        for value, placeholder in self._hidden:
            text = re.sub(re.escape(value), placeholder, text, flags=re.IGNORECASE)
        text = _UUID.sub("<uuid>", text)
        text = _ID.sub("scalable-target/<id>", text)
        return _ARN.sub(r"\1:<region>:<account>:", text)
