from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.foundation_models.colours import NAMED
from emulator.foundation_models.lexicon import lexicon
from emulator.foundation_models.reading import RAINBOW, Thing, read_prompt
from emulator.foundation_models.vocabulary import words

LIST = (
    "dog cat horse cow pig sheep goat chicken rooster duck goose swan turkey rabbit mouse rat hamster "
    "squirrel fox wolf bear panda koala lion tiger leopard cheetah elephant giraffe zebra rhino hippo "
    "camel llama kangaroo monkey gorilla orangutan sloth otter beaver skunk badger raccoon hedgehog bat "
    "deer moose bison ox bull donkey pony unicorn dragon dinosaur snake lizard turtle crocodile frog "
    "fish shark whale dolphin seal octopus squid jellyfish crab lobster shrimp snail butterfly bee ant "
    "beetle ladybug spider scorpion fly mosquito worm bird eagle owl parrot penguin flamingo peacock "
    "dove crow chick puppy kitten bunny lamb phoenix apple banana orange lemon lime grape watermelon "
    "melon pineapple mango pear peach cherry strawberry blueberry kiwi tomato coconut avocado eggplant "
    "potato carrot corn pepper cucumber lettuce broccoli garlic onion mushroom peanut bread croissant "
    "baguette pretzel bagel pancake waffle cheese meat steak bacon hamburger burger fries pizza hotdog "
    "sandwich taco burrito egg popcorn rice sushi noodles soup donut cookie cake cupcake pie chocolate "
    "candy lollipop honey milk coffee tea teapot wine beer cocktail bottle glass mug bowl spoon fork "
    "knife jar vase car taxi bus truck van tractor motorcycle bike scooter train tram ambulance boat "
    "ship sailboat canoe submarine airplane jet helicopter rocket spaceship ufo satellite tank "
    "skateboard sled parachute wheel anchor house hut castle palace church mosque temple school "
    "hospital factory hotel bank tower lighthouse windmill bridge tent pyramid fountain stadium "
    "skyscraper cottage wall arch volcano mountain island tree pine palm cactus flower rose tulip "
    "sunflower leaf clover bamboo sword dagger shield bow axe hammer pickaxe wrench screwdriver saw "
    "gear magnet ladder bucket broom key lock bell clock watch hourglass compass map telescope "
    "microscope candle lamp lantern torch lightbulb book scroll pencil pen paintbrush scissors box "
    "chest barrel basket bag backpack umbrella hat crown helmet shirt dress shoe boot glove scarf sock "
    "ring gem diamond coin trophy medal balloon gift kite teddy doll dice puzzle ball football "
    "basketball baseball guitar violin piano drum trumpet saxophone flute microphone radio television "
    "camera phone computer laptop printer keyboard robot chair table bed couch door window mirror "
    "bathtub toilet wizard witch king queen prince princess knight astronaut pirate ninja vampire "
    "zombie ghost alien mermaid fairy elf genie troll ogre superhero santa clown skull snowman "
    "scarecrow baby cowboy farmer chef sun moon star planet cloud rainbow lightning fire snowflake "
    "heart cube sphere cone cylinder torus "
)
NOUNS = LIST.split()


def heads(prompt: str) -> list[str | None]:
    return [thing.pictogram.name if thing.pictogram else None for thing in read_prompt(prompt)]


def only(prompt: str) -> Thing:
    (thing,) = read_prompt(prompt)
    return thing


def test_common_nouns_are_known_in_the_singular_and_the_plural() -> None:
    known = lexicon()
    assert len(set(NOUNS)) > 350
    unknown = [noun for noun in NOUNS if known.find(noun) is None]
    assert unknown == []
    plurals = [f"{noun}s" for noun in NOUNS if not noun.endswith(("s", "x", "ch", "sh", "y", "fe", "f"))]
    assert [noun for noun in plurals if known.find(noun) is None] == []


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
        words("verb")
