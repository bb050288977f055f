"""The pages say what the code does: commands, options, exit codes, variables, sessions, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.core import TyperGroup

from meshtwin.cloud.cli.app import application
from meshtwin.cloud.errors import CloudError
from meshtwin.cloud.profiles import PROFILES, ResourceNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCE = re.compile(r"`([a-z_]+/[a-z_/]+\.py)`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> dict[str, set[str]]:
    """Each command's options, those of groups by both names."""
    group = typer.main.get_command(application())
    assert isinstance(group, TyperGroup)
    return dict(_commands(group, ""))


def _commands(group: TyperGroup, prefix: str) -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, _options(command)


def _options(command: Command) -> set[str]:
    return {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--") and option != "--help"
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("name", commands())
def test_each_command_has_its_section_with_all_its_options(name: str) -> None:
    sections = page("docs/cli.md").split("\n## ")
    (section,) = [text for text in sections if text.startswith(f"meshtwin {name}\n")]
    for option in commands()[name]:
        assert f"`{option}" in section, f"{name} {option}"


def test_documented_options_exist() -> None:
    known = set[str]().union(*commands().values()) | {"--help"}
    assert set(re.findall(r"`(--[a-z-]+)", page("docs/cli.md"))) <= known


def test_documented_commands_exist() -> None:
    for path in PAGES:
        named = re.findall(r"(?:^|`)meshtwin ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= {command.partition(" ")[0] for command in commands()}, path.name


def test_every_exit_code_is_documented() -> None:
    text = page("docs/cli.md")
    kinds: list[type[CloudError]] = [CloudError, *CloudError.__subclasses__()]
    for kind in kinds:
        assert f"| {kind.exit_code} |" in text


def test_every_name_and_default_is_documented() -> None:
    text = page("docs/profiles.md")
    for name in ResourceNames.__dataclass_fields__:
        assert f"| `{name.upper()}` |" in text
    for value in vars(ResourceNames).values():
        if isinstance(value, str) and value.startswith(("hunyuan3d", "ml.")):
            assert f"`{value}`" in text
    for profile in PROFILES:
        assert f"| `{profile}` |" in text


def test_each_nox_session_is_documented() -> None:
    sessions = re.findall(r"@nox\.session.*\ndef (\w+)", page("noxfile.py"))
    for session in sessions:
        assert f"| `{session}` |" in page("CONTRIBUTING.md")


def test_the_files_that_pages_name_are_there() -> None:
    for path in PAGES:
        for name in SOURCE.findall(path.read_text(encoding="utf-8")):
            places = (ROOT, ROOT / "emulator", ROOT / "emulator" / "sagemaker")
            assert any((place / name).exists() for place in places), f"{path.name} names {name}"


def test_ci_runs_what_the_readme_says() -> None:
    assert "pip install nox && nox\n" in page("README.md")
    assert "pip install nox && nox\n" in page(".ci/run")


def test_the_pages_speak_of_the_project_alone() -> None:
    for path in PAGES:
        assert not re.search(r"/(home|root|work|Users)/", path.read_text(encoding="utf-8")), path.name
