"""What a prompt asks for: the things in it, each with its colour, material and shape.

There is no grammar here, only habits of English noun phrases: what comes last before a preposition is the
thing, what comes before that says how it looks. Nothing is too odd to be read: at worst the thing is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import NAMED, SHADES, shaded
from meshtwin.emulator.bedrock.lexicon import Lexicon, lexicon
from meshtwin.emulator.bedrock.materials import MATERIALS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshtwin.emulator.bedrock.library import Pictogram, Rgb

MOST_THINGS = 4
"""Things drawn side by side at most."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.;!?\n|]+")
_CLAUSE_END = re.compile(r"[,:()\[\]/]+|\s&\s|\s\+\s")


@cache
def vocabulary(kind: str) -> frozenset[str]:
    """The words of `vocabulary.txt` of a kind: `and`, `cut`, `article`, `container` or `style`.

    Raises:
        ValueError: there is no such kind.
    """
    text = files(__package__).joinpath("vocabulary.txt").read_text(encoding="utf-8")
    lines = [line.partition(":") for line in text.splitlines()]
    found = frozenset(word for name, _, listed in lines if name == kind for word in listed.split())
    if not found:
        raise ValueError(f"vocabulary {kind!r}: expected and, cut, article, container or style")
    return found


_AND = vocabulary("and")
_CUTS = vocabulary("cut")
_ARTICLES = vocabulary("article")
_COUNTS = {"two": 2, "pair": 2, "couple": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}
_CONTAINERS = vocabulary("container")
_STYLE = vocabulary("style")
_SHAPES = {
    "tall": (0.72, 1.0), "high": (0.72, 1.0), "thin": (0.6, 1.0), "narrow": (0.6, 1.0), "skinny": (0.6, 1.0),
    "slim": (0.72, 1.0), "long": (1.0, 0.66), "flat": (1.0, 0.5), "wide": (1.0, 0.66), "fat": (1.0, 0.8),
    "chubby": (1.0, 0.85), "short": (1.0, 0.72), "low": (1.0, 0.72), "squat": (1.0, 0.66),
    "round": (1.0, 1.0), "square": (1.0, 1.0),
}  # fmt: skip
_SIZES = {
    "tiny": 0.5, "mini": 0.6, "small": 0.7, "little": 0.7,
    "big": 1.0, "huge": 1.0, "giant": 1.0, "large": 1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing to draw.

    `words` name it; `pictogram` is None where nothing is known by them. `colours` has one sRGB colour, or
    several to run from top to bottom, or none; `width`, `height` and `size` are factors of at most 1.
    """

    words: tuple[str, ...]
    pictogram: Pictogram | None
    colours: tuple[Rgb, ...] = ()
    material: str | None = None
    width: float = 1.0
    height: float = 1.0
    size: float = 1.0


RAINBOW = tuple(NAMED[name] for name in ("red", "orange", "yellow", "green", "azure", "violet"))


def read_prompt(prompt: str) -> tuple[Thing, ...]:
    """The things that a prompt names, at least one and at most `MOST_THINGS`; never an error."""
    known = lexicon()
    for sentence in _SENTENCE_END.split(unicodedata.normalize("NFKC", prompt).casefold()):
        found = [thing for words in _clauses(sentence) for thing in _things(words, known)]
        if found:
            # What follows is most often about the image, not about what is in it.
            named = [thing for thing in found if thing.pictogram is not None]
            return tuple(named[:MOST_THINGS] or found[:1])
    return (Thing((prompt.strip(),), None),)


def _clauses(text: str) -> Iterator[tuple[str, ...]]:
    """The prompt in pieces that name one thing each; adjectives alone go with the piece that follows."""
    pending: tuple[str, ...] = ()
    started = False
    for part in _CLAUSE_END.split(text):
        for words in _split_at_and(_WORD.findall(part)):
            if started and _STYLE & set(words):
                continue
            words = _without_style(words)  # noqa: PLW2901  # what is left names the thing
            if all(_describes(word) for word in words):
                pending += words
                continue
            yield pending + words
            pending, started = (), True
    if pending and not started:
        yield pending


def _without_style(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words less those about the image, unless they are all there is: a camera is a thing, too."""
    kept = tuple(
        word
        for word, after in zip(words, (*words[1:], ""), strict=True)
        if word not in _STYLE or after == "of"
    )
    return words if all(map(_describes, kept)) else kept


def _split_at_and(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    piece: list[str] = []
    for word in words:
        if word in _AND and piece:
            yield tuple(piece)
            piece = []
        elif word not in _AND:
            piece.append(word)
    if piece:
        yield tuple(piece)


def _describes(word: str) -> bool:
    return (
        word in NAMED or word in SHADES or word in _ARTICLES or word in _SHAPES or word in _SIZES
        or word in {"rainbow", "colorful", "colourful"} or (word in MATERIALS and MATERIALS[word].adjective)
    )  # fmt: skip


def _things(words: tuple[str, ...], known: Lexicon) -> list[Thing]:
    phrase = _noun_phrase(words, known)
    start, end, pictogram = _head(phrase, known)
    if pictogram is None:
        for number in range(len(words)):
            again = _head(words[number : number + 1], known)[2]
            if again is not None and not _describes(words[number]):
                start, end, pictogram, phrase = number, number + 1, again, words
                break
    count = next((_COUNTS[word] for word in phrase[:start] if word in _COUNTS), 1)
    head = phrase[start:end]
    width, height = next((_SHAPES[word] for word in phrase[:start] if word in _SHAPES), (1.0, 1.0))
    thing = Thing(
        tuple(word for word in head if word not in _ARTICLES) or head,
        pictogram,
        _colours(phrase[: max(start, end - 1)]),
        next((word for word in words if word in MATERIALS and word not in head), None),
        width,
        height,
        next((_SIZES[word] for word in phrase[:start] if word in _SIZES), 1.0),
    )
    return [thing] * count


def _noun_phrase(words: tuple[str, ...], known: Lexicon) -> tuple[str, ...]:
    """The words up to the first preposition, or past an `of` that only says what kind of image it is."""
    for number, word in enumerate(words):
        if word == "of" and number:
            if words[number - 1] in _CONTAINERS or words[number - 1].rstrip("s") in _CONTAINERS:
                return _noun_phrase(words[number + 1 :], known) or words[:number]
            around = " ".join(words[max(0, number - 1) : number + 2])
            if known.find(around) is None and " ".join(words[number - 1 :]) not in known.labels:
                return words[:number]
        elif word in _CUTS and number and not all(map(_describes, words[:number])):
            return words[:number]
    return words


def _head(words: Sequence[str], known: Lexicon) -> tuple[int, int, Pictogram | None]:
    """Where the thing is named, and its pictogram: the longest name known that ends last."""
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - 4), end):
            pictogram = known.find(" ".join(words[start:end]))
            if pictogram is not None:
                return start, end, pictogram
    first = next((number for number, word in enumerate(words) if not _describes(word)), 0)
    return first, len(words), None


def _colours(words: Sequence[str]) -> tuple[Rgb, ...]:
    if {"rainbow", "colorful", "colourful"} & set(words):
        return RAINBOW
    found = []
    for before, word in zip(("", *words), words, strict=False):
        if word in NAMED:
            found.append(shaded(NAMED[word], SHADES.get(before, 0.0)))
    return tuple(found)
