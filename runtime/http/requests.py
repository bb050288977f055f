"""From the bytes of a request's body to the contract's request, or to an error that says what to fix."""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from typing import Any, NoReturn

from pydantic import ValidationError

from meshtwin.runtime.contract import ErrorCode, InvocationRequest, JobError, Params, shortened

MAX_BODY_BYTES = 2**20

_MAX_KEYS = 100
"""Of one object: far more than any field has, few enough to name each that is wrong."""

_MAX_SHOWN = 120
_MAX_PROBLEM = 200
_MAX_PROBLEMS = 8

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = _MAX_SHOWN


class RequestError(JobError):
    """An invalid body; `stage` is the stage that it names, where that can be read."""

    def __init__(self, code: ErrorCode, message: str, stage: str | None = None) -> None:
        super().__init__(code, message)
        self.stage = stage


def parse(body: bytes) -> InvocationRequest:
    """The request in `body`, UTF-8 JSON; its Content-Type does not matter.

    SageMaker passes on the type that the input object was stored with, which is often arbitrary.

    Raises:
        RequestError: INVALID_JSON, or INVALID_REQUEST with each invalid field and what is expected.
    """
    document = _read_json(body)
    stage = document.get("stage") if isinstance(document, dict) else None
    try:
        return InvocationRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        if problems[0]["type"] == "json_invalid":
            # Python's reader accepts lone surrogates, which no UTF-8 text can hold.
            raise RequestError(
                ErrorCode.INVALID_JSON, f"the body is not JSON: {problems[0]['msg']}"
            ) from None
        message = "; ".join(shortened(_describe(each), _MAX_PROBLEM) for each in problems[:_MAX_PROBLEMS])
        if len(problems) > _MAX_PROBLEMS:
            message = f"{len(problems)} fields are wrong, among them {message}"
        readable = shortened(stage, _MAX_SHOWN) if isinstance(stage, str) else None
        raise RequestError(ErrorCode.INVALID_REQUEST, message, readable) from None


def _read_json(body: bytes) -> object:
    """The document, read strictly where readers disagree: no key twice, no NaN, no infinity."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise RequestError(ErrorCode.INVALID_JSON, f"the body is not UTF-8: {error}") from None
    except RecursionError:
        raise RequestError(ErrorCode.INVALID_JSON, "the body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(ErrorCode.INVALID_JSON, f"the body is not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MAX_KEYS:
        raise RequestError(
            ErrorCode.INVALID_REQUEST, f"an object has {len(pairs)} keys: at most {_MAX_KEYS} are read"
        )
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {shortened(twice, _MAX_SHOWN)!r} is in it twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _describe(problem: Any) -> str:  # noqa: ANN401  # pydantic's ErrorDetails, with whatever was sent
    name = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    kind = problem["type"]
    if kind == "missing":
        return f"{name}: missing"
    if kind == "extra_forbidden":
        model = Params if name.startswith("params.") else InvocationRequest
        return f"{name}: no such field; expected one of {', '.join(model.model_fields)}"
    if kind == "value_error":
        return f"{name}: {message}" if name else str(message)
    return f"{name or 'the body'} {_brief.repr(problem['input'])}: {message}"
