"""Which pictogram a name means: its own label, the words people use instead, then the tags."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from meshtwin.emulator.bedrock.colours import NAMED
from meshtwin.emulator.bedrock.library import pictograms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshtwin.emulator.bedrock.library import Pictogram

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse",
    "geese": "goose",
    "teeth": "tooth", "feet": "foot", "oxen": "ox", "leaves": "leaf", "dice": "die", "cacti": "cactus",
    "octopi": "octopus", "fungi": "fungus", "knives": "knife", "wives": "wife", "lives": "life",
}  # fmt: skip
_ENDINGS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("oes", "o"), ("es", ""), ("s", ""))
_RANK = {"animals": 0, "food": 1, "places": 2, "objects": 3, "activities": 4, "people": 5}
_SHORTEST = 4
"""Letters of the shortest word whose plural ending is taken off, and of the parts of a compound."""


def singulars(word: str) -> Iterator[str]:
    """The word, and what it may be the plural of; likelier ones first."""
    yield word
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) >= _SHORTEST and not word.endswith("ss"):
            yield word[: -len(ending)] + instead


@dataclass(frozen=True)
class Lexicon:
    """Pictograms by what they are called, in three tiers of trust."""

    labels: Mapping[str, Pictogram]
    others: Mapping[str, Pictogram]
    tags: Mapping[str, Pictogram]

    def find(self, name: str) -> Pictogram | None:
        """The pictogram for a lower-case name of one word or more, singular or plural, or None."""
        *before, last = name.split(" ")
        candidates = [" ".join([*before, one]) for one in singulars(last)]
        for tier in (self.others, self.labels, self.tags):
            for candidate in candidates:
                if candidate in tier:
                    return tier[candidate]
        return None if before else self._compound(candidates)

    def _compound(self, words: list[str]) -> Pictogram | None:
        """What a word ends with, where that is a name: a treehouse is a house, a longship is a ship."""
        for word in words:
            for start in range(_SHORTEST, len(word) - _SHORTEST + 1):
                for tier in (self.others, self.labels):
                    if word[start:] in tier:
                        return tier[word[start:]]
        return None


@cache
def lexicon() -> Lexicon:
    """The words of all pictograms."""
    known = pictograms()
    labels: dict[str, Pictogram] = {}
    for pictogram in known.values():
        labels.setdefault(_plain(pictogram.label), pictogram)
        labels.setdefault(_plain(pictogram.name), pictogram)
    return Lexicon(labels, _others(known), _tags(known))


def _plain(label: str) -> str:
    return label.casefold().replace("\u2019", "'").replace("-", " ")


def _others(known: Mapping[str, Pictogram]) -> dict[str, Pictogram]:
    """`synonyms.txt`: a pictogram's name, a colon, and the names that mean it."""
    found = {}
    text = files(__package__).joinpath("synonyms.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        name, colon, words = line.partition(":")
        if colon and not line.startswith("#"):
            found.update(dict.fromkeys((word.strip() for word in words.split(",")), known[name]))
    return found


def _tags(known: Mapping[str, Pictogram]) -> dict[str, Pictogram]:
    """Each tag's best pictogram: the one of things before people, then the one with the fewest tags.

    The last word of a label counts as a tag: a racing car is a car. Smileys are tagged with moods,
    and colours are not names.
    """
    best: dict[str, tuple[tuple[int, int], Pictogram]] = {}
    for pictogram in known.values():
        if pictogram.group not in _RANK:
            continue
        rank = (_RANK[pictogram.group], len(pictogram.tags))
        for tag in (_plain(pictogram.label).split(" ")[-1], *map(_plain, pictogram.tags)):
            if tag not in NAMED and (tag not in best or rank < best[tag][0]):
                best[tag] = (rank, pictogram)
    return {tag: pictogram for tag, (_, pictogram) in best.items()}
