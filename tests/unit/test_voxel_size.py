from __future__ import annotations

import pytest

from meshtwin.minecraft.voxel.voxelize.size import parse_size


@pytest.mark.parametrize(
    ("text", "cells"),
    [("small", 32), ("medium", 64), ("large", 128), ("8", 8), ("256", 256), (" Large ", 128), (100, 100)],
)
def test_a_size_is_a_word_or_a_number(text: str | int, cells: int) -> None:
    assert parse_size(text) == cells


@pytest.mark.parametrize("text", ["huge", "7", "257", "", "-8", "8.5", "1e2", "٣٢", "9" * 5000, 0, True])
def test_any_other_size_is_refused_with_what_may_be(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"expected small, medium, large or 8\.\.256") as refused:
        parse_size(text)
    assert str(refused.value).startswith(f"size {text!r}: ")
