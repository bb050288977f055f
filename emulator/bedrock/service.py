"""InvokeModel of `bedrock-runtime`, answered by drawing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import re
from typing import TYPE_CHECKING, Any, TypedDict

from meshtwin.emulator.bedrock.bodies import read_cut_out, read_draw
from meshtwin.emulator.bedrock.catalogue import CutsOut, find_model
from meshtwin.emulator.bedrock.cutting import cut_out
from meshtwin.emulator.bedrock.drawing import draw
from meshtwin.emulator.core.protocol.gateway import Service
from meshtwin.emulator.core.protocol.operations import blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_bedrock_runtime.type_defs import InvokeModelRequestTypeDef
    from PIL import Image

    from meshtwin.emulator.core.protocol.operations import Handler, RequestContext

FILTERED_WORDS = frozenset({"nsfw", "nude", "naked", "porn", "gore", "gory", "decapitated", "swastika"})
"""Words in a prompt that the filter stops: a few, so that what follows from a filter can be tried."""

_SEEDS = 2**32 - 2


class _Handlers(TypedDict):
    InvokeModel: Handler[InvokeModelRequestTypeDef]


def foundation_models() -> Service:
    """The service, for a gateway."""
    handlers: _Handlers = {"InvokeModel": invoke_model}
    return Service("bedrock-runtime", handlers)


async def invoke_model(_: RequestContext, params: InvokeModelRequestTypeDef) -> Mapping[str, Any]:
    """One image for a prompt, or one without its background; the drawing is done in a thread."""
    model = find_model(params["modelId"])
    body = blob(params.get("body", b""))
    if isinstance(model, CutsOut):
        request = read_cut_out(body)
        image = await asyncio.to_thread(lambda: _encoded(cut_out(request.image), request.format))
        return _answer({"seeds": [0], "finish_reasons": [None], "images": [image]})
    wanted = read_draw(body, model)
    if FILTERED_WORDS & set(re.findall(r"\w+", wanted.prompt.casefold())):
        return _answer({"finish_reasons": ["Filter reason: prompt"]})
    seed = wanted.seed or _seed_of(wanted.prompt)
    image = await asyncio.to_thread(lambda: _encoded(draw(wanted.prompt, seed, *wanted.size), wanted.format))
    return _answer({"seeds": [seed], "finish_reasons": [None], "images": [image]})


def _seed_of(prompt: str) -> int:
    """A seed where none is given: Bedrock takes a random one, this one is made of the prompt."""
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    return 1 + int.from_bytes(digest[:8]) % _SEEDS


def _encoded(image: Image.Image, image_format: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, image_format)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _answer(document: dict[str, Any]) -> dict[str, Any]:
    return {"contentType": "application/json", "body": json.dumps(document).encode("ascii")}
