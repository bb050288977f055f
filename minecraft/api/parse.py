"""Parses the body of `POST /build` field by field. Pure.

Heights are the most that a data pack can give a dimension, https://minecraft.wiki/w/Dimension_type.
"""

from __future__ import annotations

import json
import re
from typing import Any

from meshtwin.minecraft.api.errors import ApiError, invalid
from meshtwin.minecraft.request import BuildRequest
from meshtwin.minecraft.voxel.blocks.known import find_known, refuse_newer
from meshtwin.minecraft.voxel.options import HTTP_NAMES, BuildOptions, OptionError, parse_whole
from meshtwin.minecraft.voxel.versions import WORLD_BORDER

MAX_BODY_BYTES = 1024 * 1024
MAX_PROMPT = 500
MAX_NAME = 64
MAX_SEED = 2**32 - 1
HEIGHTS = (-2032, 2031)

UPLOADS = "inputs/uploads/"
"""The prefix of uploaded images: keys of INPUT_BUCKET."""

_BLOCK = re.compile(r"(minecraft:)?[a-z0-9_]{1,64}")
_UPLOAD = re.compile(re.escape(UPLOADS) + r"[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")

FIELDS = (
    *("playerUuid", "playerName", "world", "prompt", "anchor", "seed", "imageUpload", "idempotencyKey"),
    *HTTP_NAMES.values(),
)


def document(body: bytes) -> dict[str, Any]:
    """The body as a JSON object of known fields.

    Raises:
        ApiError: it is not one, or larger than MAX_BODY_BYTES.
    """
    if len(body) > MAX_BODY_BYTES:
        message = f"the request has {len(body)} bytes, expected at most {MAX_BODY_BYTES}: upload the image"
        raise ApiError(413, "too_large", f"{message} with POST /build/upload")
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
    """The player's request; of `imageUpload` only its presence counts here: see `uploaded_image`.

    A null is a missing field.

    Raises:
        ApiError: a field is missing, has the wrong type, or is out of range.
    """
    given = {name: value for name, value in given.items() if value is not None}
    return BuildRequest(
        prompt=_prompt(given.get("prompt"), needed=given.get("imageUpload") is None),
        options=_options(given),
        anchor=_anchor(given["anchor"]) if "anchor" in given else None,
        seed=_whole("seed", given["seed"], 0, MAX_SEED) if "seed" in given else None,
        player_uuid=_uuid(given.get("playerUuid", "")),
        player_name=text("playerName", given.get("playerName", ""), MAX_NAME),
        world=text("world", given.get("world", ""), MAX_NAME),
    )


def upload_key(value: str) -> str | None:
    """The key of an uploaded image, or None where the text is not one."""
    return value if _UPLOAD.fullmatch(value) else None


def text(field: str, value: object, longest: int) -> str:
    """A line of text without control characters, at most `longest` characters.

    Raises:
        ApiError: it is not one.
    """
    expected = f"at most {longest} characters of plain text"
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(field, value, expected)
    # The joiner inside emoji is not printable itself.
    if not value.replace("\u200d", "").isprintable():
        raise invalid(field, value, f"{expected}, without line breaks and control characters")
    return value


def _prompt(value: object, *, needed: bool) -> str:
    prompt = " ".join(text("prompt", "" if value is None else value, MAX_PROMPT).split())
    if needed and not prompt:
        raise ApiError(400, "invalid_request", "prompt is empty: say what to build, such as 'a red dragon'")
    return prompt


def _options(given: dict[str, Any]) -> BuildOptions:
    try:
        options = BuildOptions.from_dict(
            {name: given[field] for name, field in HTTP_NAMES.items() if field in given}
        )
    except OptionError as error:
        raise invalid(HTTP_NAMES[error.name], error.value, error.expected) from error
    _check_blocks("exclude", options.exclude)
    if not isinstance(options.palette, str):
        _check_blocks("palette", options.palette, options.version)
    return options


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
        return parse_whole(value, low, high)
    except (TypeError, ValueError) as error:
        raise invalid(field, value, f"a whole number in {low}..{high}") from error


def _check_blocks(field: str, blocks: tuple[str, ...], version: str | None = None) -> None:
    """Check that all blocks are known, and that `version`, if given, has them."""
    for block in blocks:
        if not _BLOCK.fullmatch(block):
            raise invalid(field, block, "a block id such as minecraft:stone, without properties")
    try:
        known = [find_known(block) for block in blocks]
        if version is not None:
            refuse_newer(known, version)
    except ValueError as error:
        raise ApiError(400, "invalid_request", f"{field}: {error}") from error


def _uuid(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise invalid("playerUuid", value, "a UUID")
    return value
