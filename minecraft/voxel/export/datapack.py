"""A build as a data pack: a zip that is put into a world's `datapacks` folder, and one command to run."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.voxel.export.mcfunction import Limits, batches

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.boxes.build import Build
    from meshtwin.minecraft.voxel.export.commands import Origin
    from meshtwin.minecraft.voxel.versions import GameVersion

NAMESPACE = re.compile(r"[a-z0-9_.-]{1,64}")
"""https://minecraft.wiki/w/Identifier#Legal_characters"""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a zip entry: no pack depends on when it was made."""
_MAX_TITLE = 40
BATCH = Limits(commands=8192, bytes=1 << 20)
"""The most that one tick places: well below the chain limit, which all packs of a world share."""


def write_datapack(
    build: Build, origin: Origin, version: GameVersion, *, namespace: str, limits: Limits = BATCH
) -> bytes:
    """The zip; `/function NAMESPACE:build` places the build, a batch a tick.

    Packs of one world share its namespaces: each build needs its own. Each batch schedules the next one a
    tick later, so that no chain of commands gets longer than a batch. The same build gives the same bytes.

    ValueError: a namespace that the game would refuse, or what `batches` says.
    """
    if NAMESPACE.fullmatch(namespace) is None:
        raise ValueError(f"namespace {namespace!r}: expected 1..64 of a-z, 0-9, _, - and .")
    texts = batches(build, origin, version, namespace=namespace, limits=_less_one(limits))
    folder = f"data/{namespace}/{version.function_folder}"
    files = {"pack.mcmeta": json.dumps(_meta(build, version), indent=2) + "\n"}
    for index, text in enumerate(texts or [""]):
        more = index + 1 < len(texts)
        then = f"schedule function {namespace}:batch_{index + 1} 1t\n" if more else ""
        name = "build" if index == 0 else f"batch_{index}"
        files[f"{folder}/{name}.mcfunction"] = text + then
    return _zipped(files)


def namespace_of(title: str, build: Build, origin: Origin) -> str:
    """A namespace from the build's title that is unique to the build and its origin."""
    plain = re.sub(r"[^a-z0-9_.-]+", "_", title.lower()).strip("_.-")[:_MAX_TITLE] or "build"
    where = (origin.x, origin.y, origin.z, origin.dimension)
    digest = hashlib.sha256(repr((build.size, build.states, where)).encode() + build.boxes.tobytes())
    return f"{plain}_{digest.hexdigest()[:8]}"


def _less_one(limits: Limits) -> Limits:
    """Room for the command that schedules the next batch."""
    return Limits(max(limits.commands - 1, 1), limits.bytes)


def _meta(build: Build, version: GameVersion) -> dict[str, Any]:
    """The content of pack.mcmeta.

    Up to 1.21.8 it names one format. From 1.21.9 on it names the range of formats instead, and pack_format
    must not be present: https://www.minecraft.net/en-us/article/minecraft-snapshot-25w31a.
    """
    x, y, z = build.size
    meta = {"description": f"A build of {x} x {y} x {z} blocks for {version.name}"}
    major, minor = version.pack_format
    if version.ranged_pack_format:
        return {"pack": {**meta, "min_format": [major, minor], "max_format": major}}
    return {"pack": {**meta, "pack_format": major}}


def _zipped(files: dict[str, str]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, text.encode())
    return written.getvalue()
