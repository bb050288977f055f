"""docs/functions.md lists what can be set."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from meshtwin.emulator.lambda_.manifest import KEYS
from meshtwin.emulator.lambda_.settings import HostSettings
from meshtwin.emulator.serverless.options import parse

PAGE = (Path(__file__).parents[2] / "docs" / "functions.md").read_text(encoding="utf-8")


def test_without_options_the_settings_are_the_defaults() -> None:
    settings, arguments = parse([])
    assert settings == HostSettings()
    assert (arguments.speed, arguments.exit_with_stdin) == (1.0, False)


def test_options_set_what_they_name() -> None:
    settings, _ = parse(["--functions", "f.toml", "--set", "concurrency=2", "--set", "first_retry=0.5"])
    assert (settings.functions, settings.concurrency, settings.first_retry) == (Path("f.toml"), 2, 0.5)


def test_an_unknown_setting_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--set", "colour=red"])
    assert "'colour': expected one of host, port" in capsys.readouterr().err


def test_the_page_lists_each_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE))
    for field in fields(HostSettings):
        assert field.name in listed, field.name
        default = getattr(HostSettings(), field.name)
        if isinstance(default, bool):
            assert listed[field.name] == str(default).lower(), field.name
        elif isinstance(default, int | float):
            assert float(listed[field.name]) == default, field.name


def test_the_page_lists_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    for option in re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE):
        assert f"`{option}" in PAGE, option


def test_the_page_lists_each_key_of_the_manifest() -> None:
    for key in KEYS:
        assert f"| `{key}` |" in PAGE, key
