"""The voxel step: builds a job's model from blocks, and writes every file of the build.

It is idempotent: each run for the same job leaves the same objects.
"""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypedDict

from meshtwin.minecraft.contract import VOXELS, ContractError, StepFailure, VoxelSummary, VoxelTask
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.lambdas.step_results import call_worker, clear_failure, put_failure, refuse
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.s3 import Location, location, size_if_there
from meshtwin.minecraft.settings import VoxelSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.voxel.engine import BuildResult

MAX_MODEL_BYTES = 256 * 1024 * 1024
"""Well above what the endpoint makes of 1,000,000 triangles and a texture of 4096 pixels; half of /tmp."""


_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".glb": "model/gltf-binary",
    ".json": "application/json",
    ".mcfunction": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".zip": "application/zip",
}
"""Content types by suffix; files that only the game's programs open are octet streams."""


class _Headers(TypedDict, total=False):
    ContentType: str
    ContentEncoding: str


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Write a job's build, or its failure, to S3, and invoke the worker.

    The event is `meshtwin.minecraft.contract.VoxelTask`'s. The response has `jobId` and `outcome`:
    `built`, `kept` (it was there before), or the failure's code.

    Raises:
        ContractError: the event lacks the job's id or where to write.
        ClientError: S3 or Lambda refuses; the worker is notified as of a function that died.
    """
    settings = VoxelSettings.from_environment()
    try:
        task = VoxelTask.from_event(event)
        model = location(task.glb_s3, "glb_s3")
        prefix = location(task.output_prefix_s3, "output_prefix_s3")
    except ContractError as error:
        return refuse(event, error, "output_prefix_s3", VOXELS, settings.worker_function)
    done = Location(prefix.bucket, prefix.key + VOXELS)
    is_there = size_if_there(clients.s3(), done) is not None
    outcome = "kept" if is_there else _work(task, model, prefix, done)
    call_worker(settings.worker_function, task.job_id)
    log("voxels", job_id=task.job_id, outcome=outcome)
    return {"jobId": task.job_id, "outcome": outcome}


def _work(task: VoxelTask, model: Location, prefix: Location, done: Location) -> str:
    with tempfile.TemporaryDirectory(prefix="voxels-") as folder:
        path = Path(folder) / "model.glb"
        failure = _fetch(model, path) or _build(task, prefix, path)
    if failure is None:
        clear_failure(done)
        return "built"
    log("voxels_failed", job_id=task.job_id, code=failure.code, reason=failure.message)
    put_failure(done, failure)
    return failure.code


def _build(task: VoxelTask, prefix: Location, path: Path) -> StepFailure | None:
    """Write all of the build, its summary last; the failure where it cannot be built."""
    # Half a second of imports, which a build that exists already does not need.
    from meshtwin.minecraft.voxel.engine import build_model  # noqa: PLC0415
    from meshtwin.minecraft.voxel.read.read import read_model  # noqa: PLC0415

    try:
        model = read_model(path)
        result = build_model(model, task.options)
    except ValueError as error:
        return StepFailure(
            "voxels_failed", f"The model cannot be built from blocks: {error}.", retryable=False
        )
    named: dict[str, str] = {}
    notes = [f"Of the model, {note}." for note in model.notes]
    for name, content in _files(task, result, notes):
        named[name] = f"{prefix.key}{name}"
        _put(prefix.bucket, named[name], content)
    summary = _summary(result, named, notes)
    _put(prefix.bucket, prefix.key + VOXELS, summary.to_json().encode())
    return None


def _files(task: VoxelTask, result: BuildResult, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    """The build's files; without commands, and with a note, where it does not fit into the world."""
    from meshtwin.minecraft.voxel.export.artefacts import artefacts, fits  # noqa: PLC0415  # as above

    anchor = None if task.anchor is None else (task.anchor["x"], task.anchor["y"], task.anchor["z"])
    misfit = fits(result, anchor=anchor, dimension=task.dimension)
    if misfit is not None:
        notes.append(f"There are no commands for this location: {misfit}.")
    return artefacts(
        result, anchor=anchor, dimension=task.dimension, job_id=task.job_id, commands=misfit is None
    )


def _summary(result: BuildResult, named: dict[str, str], notes: list[str]) -> VoxelSummary:
    from meshtwin.minecraft.voxel.export.materials import material_list  # noqa: PLC0415  # as above

    needs = material_list(result.blocks)
    return VoxelSummary(
        blocks=sum(need.count for need in needs),
        size=result.blocks.size,
        commands=len(result.build.boxes),
        artefacts=named,
        materials={need.block: need.count for need in needs},
        notes=notes,
    )


def _fetch(source: Location, path: Path) -> StepFailure | None:
    """Download the model; the failure where it cannot be."""
    size = size_if_there(clients.s3(), source)
    if size is None:
        return StepFailure("object_not_found", "The model of this build is gone. Try again.", retryable=False)
    if size > MAX_MODEL_BYTES:
        message = f"The model has {size} bytes, expected at most {MAX_MODEL_BYTES}. Try a simpler object."
        return StepFailure("mesh_too_large", message, retryable=False)
    clients.s3().download_file(source.bucket, source.key, str(path))
    return None


def _put(bucket: str, key: str, content: bytes) -> None:
    """Write an object with its content headers, so that a browser's `fetch` of build.json.gz has JSON."""
    suffix = PurePosixPath(key.removesuffix(".gz")).suffix
    headers: _Headers = {"ContentType": _TYPES.get(suffix, "application/octet-stream")}
    if key.endswith(".gz"):
        headers["ContentEncoding"] = "gzip"
    clients.s3().put_object(Bucket=bucket, Key=key, Body=content, **headers)
