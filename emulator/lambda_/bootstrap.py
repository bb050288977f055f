"""The program that runs one function's handler, one invocation after another.

    python -s -P bootstrap.py DESCRIPTOR

DESCRIPTOR is one end of a socket pair whose other end the host holds. Each frame is four bytes of length,
most significant first, so much JSON, and a payload of as many bytes as the JSON's `size` says. The program
loads the handler, reports how that went, and answers each frame with two: it has begun, and its result.
Errors are as in AWS's own runtime:
https://github.com/aws/aws-lambda-python-runtime-interface-client

It imports Python's own modules alone, and few: what a cold start costs is the handler's.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import socket
import sys
import time
import traceback
from types import SimpleNamespace

TYPE_CHECKING = False  # typing's own would import typing, which a cold start would pay for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_UNITS = 1024 if sys.platform == "darwin" else 1
"""What getrusage counts memory in, in parts of a KiB."""

_LENGTH = 4


class RuntimeFaultError(Exception):
    """An error that is the runtime's, with its type and lines of a trace."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.document = {"errorMessage": message, "errorType": kind, "stackTrace": trace or []}


class Context:
    """What the handler gets beside the event: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.aws_request_id = given["request_id"]
        self.invoked_function_arn = given["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client_context(given.get("client_context"))
        self.tenant_id = None
        self._deadline = given["deadline_ms"]

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is killed; 0 at least."""
        return max(0, int(self._deadline - time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def _client_context(given: dict[str, Any] | None) -> SimpleNamespace | None:
    if given is None:
        return None
    client = given.get("client")
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    known = SimpleNamespace(**{name: client.get(name) for name in names}) if client else None
    return SimpleNamespace(custom=given.get("custom"), env=given.get("env"), client=known)


class Link:
    """The host's end of the socket, as this program sees it."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame and its payload; None once the host has closed the socket."""
        length = self._read(_LENGTH)
        header = length and self._read(int.from_bytes(length, "big"))
        if not header:
            return None
        given = json.loads(header)
        payload = self._read(given["size"]) if given["size"] else b""
        return None if payload is None else (given, payload)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """One frame."""
        head = json.dumps({**header, "size": len(payload)}).encode()
        self._socket.sendall(len(head).to_bytes(_LENGTH, "big") + head + payload)

    def _read(self, size: int) -> bytes | None:
        found = bytearray()
        while len(found) < size:
            chunk = self._socket.recv(min(size - len(found), 1 << 20))
            if not chunk:
                return None
            found += chunk
        return bytes(found)


def find_handler(name: str) -> Callable[[Any, Context], Any]:
    """The function that `package.module.function` names, or what loading it raises."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFaultError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFaultError("Runtime.UserCodeSyntaxError", message, trace) from error
    try:
        found: Callable[[Any, Context], Any] = getattr(module, function_name)
    except AttributeError:
        raise RuntimeFaultError(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from None
    return found


def describe(error: Exception) -> dict[str, Any]:
    """An error as a caller of Invoke sees it."""
    if isinstance(error, RuntimeFaultError):
        return error.document
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    while frames and frames[0].filename.startswith("<frozen importlib"):
        del frames[0]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_list(frames),
    }


def _log_error(document: dict[str, Any]) -> None:
    """An error in the function's log."""
    lines = [f"[ERROR] {document['errorType']}: {document['errorMessage']}"]
    if document["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines += [line.rstrip("\n") for line in document["stackTrace"]]
    sys.stdout.write("\n".join(lines) + "\n")


class _Request(logging.Filter):
    """Gives each record the id of the request that is running."""

    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.current
        return True


def _set_up_logging() -> _Request:
    """The root logger's handler, which functions rely on when they set its level."""
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler, request = logging.StreamHandler(sys.stdout), _Request()
    handler.setFormatter(formatter)
    handler.addFilter(request)
    logging.getLogger().addHandler(handler)
    return request


def _folders() -> list[str]:
    """The folders of the modules that came from the code folder."""
    root, own = os.environ["LAMBDA_TASK_ROOT"] + os.sep, (sys.prefix + os.sep, sys.base_prefix + os.sep)
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    ours = [file for file in files if file.startswith(root) and not file.startswith(own)]
    return sorted({file.rpartition(os.sep)[0] for file in ours})


def _peak() -> int:
    """The most memory that this process had, in KiB."""
    import resource  # noqa: PLC0415  # there is none on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _UNITS


def _as_json(result: object) -> bytes:
    text = json.dumps(result, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which has an escape and no encoding
        return json.dumps(result).encode()


def run(handler: Callable[[Any, Context], Any], given: dict[str, Any], payload: bytes) -> tuple[bool, bytes]:
    """Whether one invocation went well, and its result or error, as JSON."""
    try:
        result = handler(json.loads(payload), Context(given))
        try:
            return True, _as_json(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise RuntimeFaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    except Exception as error:  # noqa: BLE001  # whatever the function raises is its caller's
        document = describe(error)
        _log_error(document)
        ordered = {key: document[key] for key in ("errorMessage", "errorType")}
        return False, json.dumps(
            {**ordered, "requestId": given["request_id"], "stackTrace": document["stackTrace"]}
        ).encode()


def main(descriptor: int) -> None:
    """Load the handler, then serve until the host closes the socket."""
    link = Link(descriptor)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=True)
    request = _set_up_logging()
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001  # whatever the module raises is the caller's
        document = describe(error)
        _log_error(document)
        sys.stdout.flush()
        link.send({"error": document})
        return
    sys.stdout.flush()
    link.send({"error": None, "folders": _folders(), "peak": _peak()})
    while (frame := link.receive()) is not None:
        given, payload = frame
        link.send({"began": True})
        request.current = given["request_id"]
        went_well, answer = run(handler, given, payload)
        sys.stdout.flush()
        sys.stderr.flush()
        link.send({"ok": went_well, "folders": _folders(), "peak": _peak()}, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
