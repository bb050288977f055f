from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.lambda_.manifest import Function, ManifestError, load

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
[functions.submit]
handler = "package.submit.handler"
code = "code"
memory = 256
timeout = 30
concurrency = 2
retries = 0
maximum_age = 600
environment = { JOB_TABLE = "jobs" }
events = [
    { http = "POST /build" },
    { http = "GET  /build/{id}" },
    { sns = "arn:aws:sns:us-east-1:123456789012:done" },
    { schedule = 60 },
]

[functions.plain]
handler = "app.handler"
"""


def read(folder: Path, text: str) -> tuple[Function, ...]:
    path = folder / "functions.toml"
    path.write_text(text)
    return load(path)


def test_a_manifest_whole(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    submit, plain = read(tmp_path, WHOLE)
    assert (submit.name, submit.handler, submit.code) == (
        "submit",
        "package.submit.handler",
        tmp_path / "code",
    )
    assert (submit.memory, submit.timeout, submit.concurrency) == (256, 30, 2)
    assert (submit.retries, submit.maximum_age) == (0, 600)
    assert submit.environment == {"JOB_TABLE": "jobs"}
    assert [route.key for route in submit.routes] == ["POST /build", "GET /build/{id}"]
    assert submit.topics == ("arn:aws:sns:us-east-1:123456789012:done",)
    assert submit.schedules == (60.0,)
    assert plain == Function(name="plain", handler="app.handler", code=tmp_path)


def test_a_manifest_may_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1", "['a']: expected tables [functions.NAME] alone"),
        ("functions = 1", "functions = 1: expected tables"),
        ("[functions]\na = 1", "functions.a: table 1: expected a table [functions.a]"),
        ('[functions."a b"]', "name 'a b': expected 1 to 64 letters"),
        ("[functions.a]", "handler None: expected module.function"),
        ("[functions.a]\nhandler = 'handler'", "handler 'handler': expected module.function"),
        ("[functions.a]\nhandler = 'a.b'\ntiemout = 3", "key 'tiemout': expected one of code, concurrency"),
        ("[functions.a]\nhandler = 'a.b'\ncode = 'nowhere'", "code 'nowhere': expected a folder, and /"),
        ("[functions.a]\nhandler = 'a.b'\nmemory = 64", "memory 64: expected a whole number, 128 to 10240"),
        ("[functions.a]\nhandler = 'a.b'\nmemory = 200.5", "memory 200.5: expected a whole number"),
        ("[functions.a]\nhandler = 'a.b'\ntimeout = 901", "timeout 901: expected a whole number, 1 to 900"),
        ("[functions.a]\nhandler = 'a.b'\ntimeout = true", "timeout True: expected"),
        ("[functions.a]\nhandler = 'a.b'\nretries = 3", "retries 3: expected a whole number, 0 to 2"),
        ("[functions.a]\nhandler = 'a.b'\nenvironment = { A1 = 1 }", "expected names with strings"),
        ("[functions.a]\nhandler = 'a.b'\nenvironment = { AWS_REGION = 'x' }", "that Lambda does not set"),
        ("[functions.a]\nhandler = 'a.b'\nenvironment = { A = 'x' }", "environment 'A': expected letters"),
        ("[functions.a]\nhandler = 'a.b'\nevents = 3", "events 3: expected a list"),
        ("[functions.a]\nhandler = 'a.b'\nevents = [ { cron = 1 } ]", "expected { http = "),
        (
            "[functions.a]\nhandler = 'a.b'\nevents = [ { http = 'FETCH /' } ]",
            "'FETCH /': expected METHOD /path",
        ),
        ("[functions.a]\nhandler = 'a.b'\nevents = [ { sns = 'topic' } ]", "expected the ARN of a"),
        ("[functions.a]\nhandler = 'a.b'\nevents = [ { schedule = 0 } ]", "expected seconds, 1 to"),
        (
            (
                "[functions.a]\nhandler = 'a.b'\nevents = [ { http = 'GET /{x}' } ]\n"
                "[functions.b]\nhandler = 'a.b'\nevents = [ { http = 'GET /{y}' } ]"
            ),
            "functions.b: the route 'GET /{y}' is a's already",
        ),
    ],
)
def test_what_makes_no_sense_is_explained(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path / "functions.toml") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        load(tmp_path / "nothing.toml")
