"""The regular expressions of AWS's models, which are Java's, in the dialect of the `regex` package."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Without UNICODE_CHARACTER_CLASS, Java's POSIX and predefined classes are ASCII only:
# https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html
_ASCII_CLASSES = {
    "ASCII": r"\x00-\x7F",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "Digit": "0-9",
    "Graph": r"\x21-\x7E",
    "Lower": "a-z",
    "Print": r"\x20-\x7E",
    "Punct": r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
    "Space": r" \t\n\x0B\f\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
}
_SHORTHANDS = {"d": "0-9", "s": _ASCII_CLASSES["Space"], "w": "a-zA-Z_0-9"}
_ANCHORS = {"z": r"\Z", "Z": r"(?=\n?\Z)"}
_DOT = r"[^\n\r\u0085\u2028\u2029]"

_TOKEN = regex.compile(
    r"""\\u(?P<high>D[89AB][0-9A-F]{2})\\u(?P<low>D[C-F][0-9A-F]{2})
      | \\(?P<property>[pP])\{(?P<named>\w+)\}
      | \\(?P<escape>.)
      | (?P<plain>.)""",
    regex.VERBOSE | regex.DOTALL | regex.IGNORECASE,
)


def translate(pattern: str) -> str:
    """A Java pattern as one for `regex` in its version 1 mode, which has Java's nested classes and `&&`."""
    return "".join(_translated(pattern))


def _translated(pattern: str) -> Iterator[str]:
    depth = 0
    for token in _TOKEN.finditer(pattern):
        if token["high"]:
            yield rf"\U{_code_point(int(token['high'], 16), int(token['low'], 16)):08X}"
        elif token["property"]:
            named = _ASCII_CLASSES.get(token["named"])
            yield token[0] if named is None else _class(named, negated=token["property"] == "P")
        elif token["escape"]:
            yield _escape(token["escape"])
        else:
            plain = token["plain"]
            depth += {"[": 1, "]": -1}.get(plain, 0)
            yield _DOT if plain == "." and not depth else plain


def _code_point(high: int, low: int) -> int:
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


def _escape(letter: str) -> str:
    if letter.lower() in _SHORTHANDS:
        return _class(_SHORTHANDS[letter.lower()], negated=letter.isupper())
    return _ANCHORS.get(letter, "\\" + letter)


def _class(members: str, *, negated: bool) -> str:
    return f"[{'^' if negated else ''}{members}]"


@cache
def matcher(pattern: str) -> Callable[[str], object | None]:
    """A function that is true for the strings which Java's `Pattern.matches` accepts, start to end."""
    fullmatch = regex.compile(translate(pattern), regex.VERSION1).fullmatch
    # Names are short: giving the interpreter to another thread meanwhile takes longer than the match.
    return partial(fullmatch, concurrent=False)
