from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from meshtwin.emulator.lambda_.settings import HostSettings
from meshtwin.emulator.sagemaker.options import parse
from meshtwin.emulator.sagemaker.settings import OnInstanceLoss, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")


def test_without_options_the_settings_are_the_defaults() -> None:
    settings, arguments = parse([])
    assert settings == Settings()
    assert (arguments.speed, arguments.exit_with_stdin) == (1.0, False)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--port", "8470"], "port", 8470),
        (["--set", "port=8471"], "port", 8471),
        (["--set", "stop_grace=5"], "stop_grace", 5.0),
        (["--set", "ping_failures=9"], "ping_failures", 9),
        (["--set", "require_content_length=false"], "require_content_length", False),
        (["--set", "on_instance_loss=fail"], "on_instance_loss", OnInstanceLoss.FAIL),
        (["--set", "default_output_path=s3://b/a=b"], "default_output_path", "s3://b/a=b"),
        (["--command", "*=a 'b c' $PORT"], "commands", {"*": ("a", "b c", "$PORT")}),
        (["--command", "i=a", "--command", "i=b --x=1"], "commands", {"i": ("b", "--x=1")}),
        (["--log-dir", "logs"], "log_dir", Path("logs")),
    ],
)
def test_options_set_what_they_name(options: list[str], name: str, value: Any) -> None:
    found = getattr(parse(options)[0], name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--command", "image"], "expected IMAGE=CMD"),
        (["--command", "image= "], "expected IMAGE=CMD"),
        (["--speed", "-1"], "expected 0 or more"),
        (["--set", "stop_grace=long"], "stop_grace expects a number, such as 30.0"),
        (["--set", "ping_failures=1.5"], "ping_failures expects a whole number, such as 3"),
        (["--set", "require_content_length=1"], "expects true or false"),
        (["--set", "on_instance_loss=weep"], "expects one of requeue, fail, lose"),
        (["--set", "lease_seconds=0"], "lease_seconds 0.0: expected 1 or more"),
        (["--set", "default_concurrency=0"], "default_concurrency 0: expected 1 to 1000"),
        (["--set", "ping_interval=0"], "ping_interval 0.0: expected more than 0"),
        (["--set", "stop_grace=nan"], "stop_grace nan: expected 0 or more"),
        (["--set", "creating_seconds=inf"], "creating_seconds inf: expected 0 or more"),
        (["--set", "refused_images=("], "refused_images '(': expected a regular expression"),
        (["--port", "65536"], "port 65536: expected 0 to 65535"),
        (["--account-id", "12"], "account_id '12': expected twelve digits"),
        (["--log-dir", __file__], "is a file: expected a folder"),
        (["--set", "default_output_path=bucket/out"], "expected an s3:// URI, or none"),
        (["--region", "US EAST"], "region 'US EAST': expected a region"),
        (["--table-prefix", "a/b"], "table_prefix 'a/b': expected letters, digits"),
        (["--set", "colour=red"], "'colour': expected one of host, port, region"),
    ],
)
def test_an_option_that_makes_no_sense_is_explained(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(options)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("settings", [Settings, HostSettings])
def test_every_number_has_bounds(settings: type) -> None:
    hints = get_type_hints(settings, localns={"Mapping": dict, "Path": Path}, include_extras=True)
    assert [name for name, hint in hints.items() if hint in {int, float}] == []


def test_the_page_lists_each_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE))
    for field in fields(Settings):
        assert field.name in listed, f"docs/emulator.md does not list {field.name}"
        default = getattr(Settings(), field.name)
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert float(listed[field.name]) == default, field.name
        elif isinstance(default, str) and default:
            assert listed[field.name] == default, field.name


def test_the_page_lists_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    for option in re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE):
        assert f"`{option}" in PAGE, f"docs/emulator.md does not list {option}"
