"""Where the results of a build go: a folder of its own, which holds one build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.cloud.createbuild.artefacts import BLOCK_FILES, bring, folder_name, one_build
from meshtwin.cloud.errors import CloudError

if TYPE_CHECKING:
    from pathlib import Path


def test_prompts_that_look_alike_have_folders_of_their_own() -> None:
    prompts = ["a red dragon", "A Red Dragon!", "a-red-dragon", "build", "", "x" * 50, "x" * 51]
    prompts += ["\U0001f409", "\U0001f3e0", "\u7ea2\u8272\u7684\u9f99"]
    names = [folder_name(prompt) for prompt in prompts]
    assert len({name.casefold() for name in names}) == len(prompts)
    assert names[0] == "a-red-dragon"
    assert names[1].startswith("a-red-dragon-")
    assert all(name and "/" not in name and len(name) <= 50 for name in names)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def found(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {"commands"}


def test_a_folder_holds_one_build_and_what_is_of_none(tmp_path: Path) -> None:
    write(
        tmp_path, "commands/0001.mcfunction", "commands/0002.mcfunction", "datapack-a_1.zip", "datapack.zip"
    )
    write(tmp_path, "build.schem", "commands/mine.txt", "textured.glb")
    with one_build(tmp_path, BLOCK_FILES) as partial:
        write(partial, "commands/0001.mcfunction", "datapack-b_2.zip")
        assert (tmp_path / "build.schem").exists(), "the older one is there until the new one is whole"
    new = {"commands/0001.mcfunction", "datapack-b_2.zip"}
    assert found(tmp_path) == new | {"commands/mine.txt", "textured.glb"}


def test_what_fails_halfway_leaves_the_older_build(tmp_path: Path) -> None:
    write(tmp_path, "commands/0001.mcfunction", "build.schem")
    before = found(tmp_path)
    with pytest.raises(FileExistsError), one_build(tmp_path, BLOCK_FILES) as partial:
        write(partial, "commands/0001.mcfunction", "commands/0001.mcfunction/0002.mcfunction")
    assert found(tmp_path) == before


def test_a_build_is_brought_whole(tmp_path: Path) -> None:
    def fetch(url: str, path: Path) -> None:
        write(path.parent, path.name)
        if url == "broken":
            raise OSError(url)

    def status(*names: str, url: str = "a link") -> dict[str, Any]:
        return {"artifacts": dict.fromkeys(names, url)}

    bring(status("textured.glb", "commands/0001.mcfunction", "commands/0002.mcfunction"), tmp_path, fetch)
    with pytest.raises(CloudError, match="cannot be written: broken"):
        bring(status("image.png", url="broken"), tmp_path, fetch)
    assert "textured.glb" in found(tmp_path)
    files = bring(status("image.png", "commands/0001.mcfunction"), tmp_path, fetch)
    assert found(tmp_path) == {"image.png", "commands/0001.mcfunction"} == set(files)
    assert {path.read_text() for path in files.values()} == {"image.png", "0001.mcfunction"}
