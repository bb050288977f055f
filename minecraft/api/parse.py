"""The body of `POST /build`, checked field by field. Pure.

Heights are those that a data pack can give a dimension at most, https://minecraft.wiki/w/Dimension_type.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.api.errors import ApiError, invalid
from meshtwin.minecraft.contract import ORDERS
from meshtwin.minecraft.request import PALETTES, BuildRequest
from meshtwin.minecraft.voxel.blocks.block_ids import find_known, refuse_newer
from meshtwin.minecraft.voxel.blocks.versions import DEFAULT_VERSION, VERSIONS, WORLD_BORDER
from meshtwin.minecraft.voxel.voxelize.size import LARGEST, SIZES, SMALLEST, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BODY_BYTES = 1024 * 1024
MAX_PROMPT = 500
MAX_NAME = 64
MAX_BLOCK_LIST = 512
MAX_SEED = 2**32 - 1
MAX_KINDS = 512
MAX_HOLLOW = 128
HEIGHTS = (-2032, 2031)

UPLOADS = "inputs/uploads/"
"""Where pictures lie that were sent ahead: keys of INPUT_BUCKET."""

_DIGITS = re.compile(r"-?[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?")
_BLOCK = re.compile(r"(minecraft:)?[a-z0-9_]{1,64}")
_UPLOAD = re.compile(re.escape(UPLOADS) + r"[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")

FIELDS = (
    *("playerUuid", "playerName", "world", "prompt", "size", "anchor", "palette", "exclude", "hollow"),
    *(
        "rotation",
        "smoothing",
        "kinds",
        "minPart",
        "dither",
        "order",
        "clearAir",
        "version",
        "seed",
        "imageUpload",
        "idempotencyKey",
    ),
)


def document(body: bytes) -> dict[str, Any]:
    """The body as a JSON object, no field of it unknown.

    Raises:
        ApiError: it is not one, or larger than MAX_BODY_BYTES.
    """
    if len(body) > MAX_BODY_BYTES:
        words = f"the request has {len(body)} bytes, and {MAX_BODY_BYTES} are taken: send the picture ahead"
        raise ApiError(413, "too_large", f"{words}, with POST /build/upload")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid_json", "the body is not JSON: send an object with a prompt") from error
    if not isinstance(found, dict):
        raise ApiError(400, "invalid_json", "the body is not a JSON object: send one with a prompt")
    for name in found:
        if name not in FIELDS:
            raise invalid("field", name, f"one of {', '.join(FIELDS)}")
    return found


def build_request(given: dict[str, Any]) -> BuildRequest:
    """What the player asks for; `imageUpload` is looked at by `picture`, and only its being there here.

    A null is a field that is left out, whichever it is.

    Raises:
        ApiError: a field is missing, of the wrong kind, or out of bounds.
    """
    given = {name: value for name, value in given.items() if value is not None}
    version = _version(given.get("version", DEFAULT_VERSION))
    return BuildRequest(
        prompt=_prompt(given.get("prompt"), needed=given.get("imageUpload") is None),
        size=_size(given.get("size", "medium")),
        anchor=_optional(given.get("anchor"), _anchor),
        palette=_palette(given.get("palette", "default"), version),
        exclude=_blocks("exclude", given.get("exclude", [])),
        hollow=_whole(
            "hollow", int(h) if isinstance(h := given.get("hollow", 1), bool) else h, 0, MAX_HOLLOW
        ),
        rotation=_whole("rotation", given.get("rotation", 0), 0, 3),
        smoothing=_optional(given.get("smoothing"), lambda v: _share("smoothing", v)),
        kinds=_optional(given.get("kinds"), lambda v: _whole("kinds", v, 1, MAX_KINDS)),
        min_part=_share("minPart", given.get("minPart", 0)),
        dither=_share("dither", given.get("dither", 0)),
        order=_one_of("order", given.get("order", "any"), ORDERS),
        clear_air=_yes_or_no("clearAir", given.get("clearAir", False)),
        version=version,
        seed=_optional(given.get("seed"), lambda v: _whole("seed", v, 0, MAX_SEED)),
        player_uuid=_uuid(given.get("playerUuid", "")),
        player_name=text("playerName", given.get("playerName", ""), MAX_NAME),
        world=text("world", given.get("world", ""), MAX_NAME),
    )


def upload_key(value: str) -> str | None:
    """The key of a picture that was sent ahead, or None where the text is not one."""
    return value if _UPLOAD.fullmatch(value) else None


def text(field: str, value: object, longest: int) -> str:
    """A line of text without control characters, at most `longest` characters.

    Raises:
        ApiError: it is not one.
    """
    expected = f"at most {longest} characters of plain text"
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(field, value, expected)
    # Emoji are joined by a character that does not print of itself.
    if not value.replace("\u200d", "").isprintable():
        raise invalid(field, value, f"{expected}, without line breaks and control characters")
    return value


def _prompt(value: object, *, needed: bool) -> str:
    words = " ".join(text("prompt", "" if value is None else value, MAX_PROMPT).split())
    if needed and not words:
        raise ApiError(400, "invalid_request", "prompt is empty: say what to build, such as 'a red dragon'")
    return words


def _size(value: object) -> int:
    try:
        return parse_size(value if isinstance(value, str) else _number(value))
    except (TypeError, ValueError) as error:
        raise invalid("size", value, f"{', '.join(SIZES)} or {SMALLEST}..{LARGEST}") from error


def _anchor(value: object) -> tuple[int, int, int]:
    if not isinstance(value, dict) or set(value) != {"x", "y", "z"}:
        raise invalid("anchor", value, "x, y and z")
    return (
        _whole("anchor.x", value["x"], -WORLD_BORDER, WORLD_BORDER),
        _whole("anchor.y", value["y"], *HEIGHTS),
        _whole("anchor.z", value["z"], -WORLD_BORDER, WORLD_BORDER),
    )


def _whole(field: str, value: object, low: int, high: int) -> int:
    try:
        number = _number(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not low <= number <= high:
        raise invalid(field, value, f"a whole number in {low}..{high}")
    return number


def _number(value: object) -> int:
    """A whole number, however it is written: JSON has one kind of number, and writers quote some.

    64.0 is an integer, https://json-schema.org/draft/2020-12/json-schema-core#name-instance-data-model.

    Raises:
        TypeError, ValueError: it is none.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _one_of(field: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise invalid(field, value, " or ".join(known))
    return value


def _yes_or_no(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid(field, value, "true or false")
    return value


def _share(field: str, value: object) -> float:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise invalid(field, value, "a number in 0..1")
    return float(value)


def _optional(value: object, parse: Callable[[object], Any]) -> Any:  # noqa: ANN401  # what `parse` gives
    return None if value is None else parse(value)


def _palette(value: object, version: str) -> str | tuple[str, ...]:
    if isinstance(value, list):
        blocks = _blocks("palette", value, version)
        if not blocks:
            raise invalid("palette", value, "at least one block")
        return blocks
    if not isinstance(value, str) or value not in PALETTES:
        raise invalid("palette", value, f"{', '.join(PALETTES)}, or a list of block ids")
    return value


def _blocks(field: str, value: object, version: str | None = None) -> tuple[str, ...]:
    """Ids of blocks that are known, and that `version`, where one is named, has too."""
    if not isinstance(value, list) or len(value) > MAX_BLOCK_LIST:
        raise invalid(field, value, f"a list of at most {MAX_BLOCK_LIST} block ids")
    for block in value:
        if not isinstance(block, str) or not _BLOCK.fullmatch(block):
            raise invalid(field, block, "a block id such as minecraft:stone, without properties")
    try:
        known = [find_known(block) for block in value]
        if version is not None:
            refuse_newer(known, version)
    except ValueError as error:
        raise ApiError(400, "invalid_request", f"{field}: {error}") from error
    return tuple(value)


def _version(value: object) -> str:
    names = [version.name for version in VERSIONS]
    if not isinstance(value, str) or value not in names:
        raise invalid("version", value, f"a version of the game from {names[0]} to {names[-1]}, as in 1.21.4")
    return value


def _uuid(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise invalid("playerUuid", value, "a UUID")
    return value
