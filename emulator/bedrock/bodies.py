"""The JSON that the models take, checked as Bedrock does.

Bedrock's complaints are those of a JSON schema validator, one after another: two were seen at
https://github.com/BerriAI/litellm/issues/6722 and https://github.com/aws-samples/serverless-pdf-chat/issues/35;
the others are that validator's own words for other rules.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.protocol.errors import ValidationFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.bedrock.catalogue import Draws

LONGEST_PROMPT = 10_000

SIZES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024), "16:9": (1344, 768), "21:9": (1536, 640), "2:3": (832, 1216), "3:2": (1216, 832),
    "4:5": (896, 1088), "5:4": (1088, 896), "9:16": (768, 1344), "9:21": (640, 1536),
}  # fmt: skip
"""Width and height by aspect ratio: about a million pixels, sides of 640 to 1536 in steps of 64."""

FORMATS = {"png": "PNG", "jpeg": "JPEG"}
CUT_OUT_FORMATS = {"png": "PNG", "webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """What is to be drawn. `seed` is None where one is to be found: 0 means the same to these models."""

    prompt: str
    seed: int | None
    size: tuple[int, int]
    format: str


@dataclass(frozen=True, slots=True)
class CutOutRequest:
    """A file whose background is to be taken away."""

    image: bytes
    format: str


@dataclass(frozen=True, slots=True)
class _Text:
    longest: int | None = None
    allowed: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        if not isinstance(value, str):
            return _wrong_type("String", value)
        if self.longest is not None and len(value) > self.longest:
            return f"expected maxLength: {self.longest}, actual: {len(value)}"
        if self.allowed and value not in self.allowed:
            return f"{value} is not a valid enum value"
        return None


@dataclass(frozen=True, slots=True)
class _Whole:
    most: int

    def fault(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return _wrong_type("Integer", value)
        if value < 0:
            return f"{value} is not greater or equal to 0"
        if value > self.most:
            return f"{value} is not less or equal to {self.most}"
        return None


def _wrong_type(wanted: str, value: object) -> str:
    found = {
        str: "String",
        bool: "Boolean",
        int: "Integer",
        float: "BigDecimal",
        list: "JSONArray",
        dict: "JSONObject",
    }
    return f"expected type: {wanted}, found: {found.get(type(value), 'Null')}"


def read_draw(body: bytes, model: Draws) -> DrawRequest:
    """The body of a text-to-image call.

    Raises:
        ValidationFailedError: it is not JSON, or breaks a rule of the model's page.
    """
    rules: dict[str, _Text | _Whole] = {
        "prompt": _Text(LONGEST_PROMPT),
        "negative_prompt": _Text(LONGEST_PROMPT),
        "mode": _Text(allowed=model.modes),
        "aspect_ratio": _Text(allowed=tuple(SIZES)),
        "output_format": _Text(allowed=tuple(FORMATS)),
        "seed": _Whole(model.most_seed),
    }
    given = _checked(body, rules, "prompt")
    size = SIZES[given.get("aspect_ratio", "1:1")]
    return DrawRequest(
        given["prompt"], given.get("seed") or None, size, FORMATS[given.get("output_format", "png")]
    )


def read_cut_out(body: bytes) -> CutOutRequest:
    """The body of a call that takes a background away.

    Raises:
        ValidationFailedError: it is not JSON, breaks a rule, or its image is not base64.
    """
    given = _checked(
        body, {"image": _Text(), "output_format": _Text(allowed=tuple(CUT_OUT_FORMATS))}, "image"
    )
    try:
        image = base64.b64decode(given["image"], validate=True)
    except (binascii.Error, ValueError):
        raise malformed("#/image: the image is not base64") from None
    return CutOutRequest(image, CUT_OUT_FORMATS[given.get("output_format", "png")])


def _checked(body: bytes, rules: Mapping[str, _Text | _Whole], needed: str) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ValidationFailedError("Malformed input request, please reformat your input and try again.")
    faults = [] if needed in given else [f"#: required key [{needed}] not found"]
    faults += [f"#: extraneous key [{name}] is not permitted" for name in given if name not in rules]
    for name, value in given.items():
        if name in rules and (fault := rules[name].fault(value)) is not None:
            faults.append(f"#/{name}: {fault}")
    if faults:
        raise malformed("".join(faults))
    return given


def malformed(what: str) -> ValidationFailedError:
    """Bedrock's refusal of a body, with a complaint in it."""
    return ValidationFailedError(
        f"Malformed input request: {what}, please reformat your input and try again."
    )
