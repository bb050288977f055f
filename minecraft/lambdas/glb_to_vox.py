"""The voxel step: a job's model, built from blocks, as every file that a build has.

It can run any number of times for the same job, and leaves the same objects each time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypedDict

from meshtwin.minecraft.contract import VOXELS, ContractError, StepFailure, VoxelSummary, VoxelTask
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.lambdas.step_results import call_worker, clear_failure, put_failure, refuse
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.objects import Location, location, size_if_there
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
"""Of the files of a build by the end of their names; what only the game's programs open is a mere stream."""


class _Headers(TypedDict, total=False):
    ContentType: str
    ContentEncoding: str


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Put a job's build, or why there is none, into S3, and call the worker.

    The event is `meshtwin.minecraft.contract.VoxelTask`'s. The answer has `jobId` and `outcome`:
    `built`, `kept` (it was there before), or the failure's code.

    Raises:
        ContractError: the event does not say whose it is and where to write.
        ClientError: S3 or Lambda refuses; the worker hears of it as of a death.
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
    """Write all of the build, its summary last; why it cannot be, else."""
    # Half a second of imports, which a task whose build is there already need not wait for.
    from meshtwin.minecraft.voxel.engine import build_model  # noqa: PLC0415
    from meshtwin.minecraft.voxel.read.read import read_model  # noqa: PLC0415

    try:
        model = read_model(path)
        made = build_model(model, task.options)
    except ValueError as error:
        return StepFailure(
            "voxels_failed", f"The model cannot be built from blocks: {error}.", retryable=False
        )
    named: dict[str, str] = {}
    notes = [f"Of the model, {note}." for note in model.notes]
    for name, content in _files(task, made, notes):
        named[name] = f"{prefix.key}{name}"
        _put(prefix.bucket, named[name], content)
    summary = _summary(made, named, notes)
    _put(prefix.bucket, prefix.key + VOXELS, summary.to_json().encode())
    return None


def _files(task: VoxelTask, made: BuildResult, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    """The build's files; without commands, and with a note, where it has no room in the world."""
    from meshtwin.minecraft.voxel.export.artefacts import artefacts, fits  # noqa: PLC0415  # as above

    anchor = None if task.anchor is None else (task.anchor["x"], task.anchor["y"], task.anchor["z"])
    misfit = fits(made, anchor=anchor, dimension=task.dimension)
    if misfit is not None:
        notes.append(f"There are no commands for this place: {misfit}.")
    return artefacts(
        made,
        anchor=anchor,
        dimension=task.dimension,
        job_id=task.job_id,
        commands=misfit is None,
    )


def _summary(made: BuildResult, named: dict[str, str], notes: list[str]) -> VoxelSummary:
    from meshtwin.minecraft.voxel.export.materials import material_list  # noqa: PLC0415  # as above

    needs = material_list(made.blocks)
    return VoxelSummary(
        blocks=sum(need.count for need in needs),
        size=made.blocks.size,
        commands=len(made.build.boxes),
        artefacts=named,
        materials={need.block: need.count for need in needs},
        notes=notes,
    )


def _fetch(place: Location, path: Path) -> StepFailure | None:
    """Bring the model here; why it cannot be, else."""
    size = size_if_there(clients.s3(), place)
    if size is None:
        return StepFailure("object_not_found", "The model of this build is gone. Try again.", retryable=False)
    if size > MAX_MODEL_BYTES:
        words = f"The model has {size} bytes, and {MAX_MODEL_BYTES} are taken. Try a simpler object."
        return StepFailure("mesh_too_large", words, retryable=False)
    clients.s3().download_file(place.bucket, place.key, str(path))
    return None


def _put(bucket: str, key: str, content: bytes) -> None:
    """Write an object with the headers of its kind, so that a browser's `fetch` of build.json.gz has JSON."""
    suffix = PurePosixPath(key.removesuffix(".gz")).suffix
    headers: _Headers = {"ContentType": _TYPES.get(suffix, "application/octet-stream")}
    if key.endswith(".gz"):
        headers["ContentEncoding"] = "gzip"
    clients.s3().put_object(Bucket=bucket, Key=key, Body=content, **headers)
