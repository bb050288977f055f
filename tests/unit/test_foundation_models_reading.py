from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.bedrock.colours import NAMED
from meshtwin.emulator.bedrock.lexicon import lexicon
from meshtwin.emulator.bedrock.reading import RAINBOW, Thing, read_prompt, vocabulary

NOUNS = [
    "dog",
    "horse",
    "dragon",
    "penguin",
    "shark",
    "mushroom",
    "teapot",
    "car",
    "rocket",
    "house",
    "castle",
    "lighthouse",
    "tree",
    "sword",
    "chair",
    "wizard",
]


def heads(prompt: str) -> list[str | None]:
    return [thing.pictogram.name if thing.pictogram else None for thing in read_prompt(prompt)]


def only(prompt: str) -> Thing:
    (thing,) = read_prompt(prompt)
    return thing


def test_common_nouns_are_known_in_the_singular_and_the_plural() -> None:
    known = lexicon()
    assert [noun for noun in NOUNS if known.find(noun) is None or known.find(f"{noun}s") is None] == []


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("a red dragon on a hill", ["dragon"]),
        ("blue ceramic teapot", ["teapot"]),
        ("hot dog", ["hot-dog"]),
        ("a cat and a dog", ["cat", "dog"]),
        ("a cat, a dog and a mouse", ["cat", "dog", "mouse"]),
        ("three apples", ["red-apple"] * 3),
        ("Draw me a picture of a castle, please", ["castle"]),
        ("a 3D render of a hamburger", ["hamburger"]),
        ("statue of liberty", ["statue-of-liberty"]),
        ("a slice of watermelon", ["watermelon"]),
        ("a loaf of bread", ["bread"]),
        ("a wizard with a hat and a cat", ["man-mage", "cat"]),
        ("wolves", ["wolf"]),
        ("a big, red and gold dragon", ["dragon"]),
        ("racing cars", ["racing-car"]),
        ("a dragon sculpture", ["dragon"]),
        ("something with a lighthouse", ["lighthouse"]),
        ("an orange", ["tangerine"]),
        ("a rose", ["rose"]),
        ("a camera", ["camera"]),
        ("a viking longship", ["ship"]),
        ("two treehouses", ["houses"] * 2),
        ("a castle in pixel art style", ["castle"]),
        ("A sunflower. A single object, viewed from above, without a cat and without text.", ["sunflower"]),
        ("a castle, isometric view, plain white background, no shadow, no dog in the background", ["castle"]),
        ("xyzzy", [None]),
        ("xyzzy and plugh", [None]),
        ("", [None]),
        ("a red and blue", [None]),
    ],
)
def test_the_thing_is_the_head_of_the_noun_phrase(prompt: str, names: list[str | None]) -> None:
    assert heads(prompt) == names


def test_colours_materials_and_shapes_are_those_before_the_noun() -> None:
    castle = only("a tall stone castle")
    assert (castle.material, castle.width < castle.height) == ("stone", True)
    assert only("flat table").height < 1
    assert only("a tiny frog").size < 1
    assert only("a blue car").colours == (NAMED["blue"],)
    assert only("a rose castle").colours == (NAMED["rose"],)
    assert only("a black cat").colours == (NAMED["black"],)
    assert only("a rainbow unicorn").colours == RAINBOW
    assert only("a red and gold dragon").colours == (NAMED["red"], NAMED["gold"])
    assert only("a dragon on a red hill").colours == ()


def test_dark_and_light_change_a_colour() -> None:
    (dark,), (plain,), (light,) = (only(f"a {shade} blue car").colours for shade in ("dark", "", "light"))
    assert sum(dark) < sum(plain) < sum(light)


@given(st.text(max_size=200))
def test_any_text_names_something(prompt: str) -> None:
    things = read_prompt(prompt)
    assert 1 <= len(things) <= 4
    for thing in things:
        assert 0 < thing.width <= 1
        assert 0 < thing.height <= 1


@given(st.lists(st.sampled_from(["a", "of", "and", "red", ",", ".", "stone", "cat", "two", "with", "view"])))
def test_any_order_of_words_names_something(prompt: list[str]) -> None:
    assert read_prompt(" ".join(prompt))


def test_an_unknown_kind_of_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="vocabulary 'verb': expected"):
        vocabulary("verb")
