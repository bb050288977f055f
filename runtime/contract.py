"""What the container accepts and answers: the one page a caller needs.

`GET /ping` and `POST /invocations` carry these models as JSON. The same models make the OpenAPI page, and
`minecraft` imports them to build requests.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pydantic.config import JsonDict

S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.*)", re.DOTALL)
"""Bucket names as in https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html."""

MAX_KEY_BYTES = 1024
"""Longest S3 key: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""

MAX_SEED = 2**32 - 1

MAX_MESSAGE = 1000
"""Most characters of a message about a job, whatever its input holds."""


def shortened(text: str, most: int = MAX_MESSAGE) -> str:
    """`text` cut to `most` characters, without what UTF-8 cannot encode."""
    clean = text[: most + 1].encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= most else f"{clean[:most]}..."


MessageText = Annotated[str, BeforeValidator(shortened)]


class Stage(StrEnum):
    """What a job does: a mesh from an image, a texture for a mesh, or both."""

    SHAPE = "shape"
    PAINT = "paint"
    FULL = "full"


def _s3_uri(value: str) -> str:
    match = S3_URI.fullmatch(value)
    if match is None:
        raise ValueError(f"{value[:100]!r}: expected a location of the form s3://bucket/key")
    size = len(match["key"].encode())
    if size > MAX_KEY_BYTES:
        raise ValueError(f"{value[:100]!r}...: its key has {size} bytes, S3 takes {MAX_KEY_BYTES} bytes")
    return value


def _s3_object(value: str) -> str:
    if not _s3_uri(value).split("/", 3)[3] or value.endswith("/"):
        raise ValueError(f"{value!r}: expected the location of an object, s3://bucket/key")
    return value


S3Object = Annotated[str, AfterValidator(_s3_object)]
S3Prefix = Annotated[str, AfterValidator(_s3_uri)]


class Params(BaseModel):
    """Parameters of a job. Each is optional: the backend has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Same seed, same image, same bytes.")
    steps: int | None = Field(None, ge=1, le=100, description="Denoising steps of a diffusion backend.")
    guidance_scale: float | None = Field(None, ge=0, le=20, description="Classifier-free guidance.")
    octree_resolution: int | None = Field(
        None, ge=32, le=512, description="Cells along the longest side of the grid that is meshed."
    )
    target_faces: int | None = Field(
        None, ge=500, le=1_000_000, description="At most this many triangles in the shape."
    )
    texture_size: int | None = Field(None, ge=256, le=4096, description="Longest side of a texture, pixels.")
    remove_background: Literal["auto", "always", "never"] = Field(
        "auto", description="auto: only where the image has no transparency of its own."
    )


_NEEDED = {
    Stage.SHAPE: {"output_s3"},
    Stage.PAINT: {"shape_s3", "output_s3"},
    Stage.FULL: {"output_prefix_s3"},
}
"""Locations besides the image, by stage; a stage accepts only those that it needs."""

_LOCATIONS = ("shape_s3", "output_s3", "output_prefix_s3")


def _schema_of(stage: Stage) -> JsonDict:
    """A stage's fields as JSON Schema."""
    fields: JsonDict = {name: {"type": "string" if name in _NEEDED[stage] else "null"} for name in _LOCATIONS}
    return {"properties": {"stage": {"const": stage.value}, **fields}, "required": [*sorted(_NEEDED[stage])]}


class InvocationRequest(BaseModel):
    """The body of `POST /invocations`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"oneOf": [_schema_of(stage) for stage in Stage]}
    )

    stage: Stage
    input_s3: S3Object = Field(description="The image: PNG, JPEG or WebP.")
    shape_s3: S3Object | None = Field(None, description="paint: the GLB to texture.")
    output_s3: S3Object | None = Field(None, description="shape, paint: where the GLB goes.")
    output_prefix_s3: S3Prefix | None = Field(
        None, description="full: shape.glb and textured.glb go under it."
    )
    params: Params = Params()

    @model_validator(mode="after")
    def _fields_fit_the_stage(self) -> Self:
        needed = _NEEDED[self.stage]
        problems = []
        for name in _LOCATIONS:
            given = getattr(self, name) is not None
            if name in needed and not given:
                problems.append(f"stage {self.stage.value!r} needs {name}")
            if given and name not in needed:
                problems.append(f"stage {self.stage.value!r} takes no {name}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _outputs_are_new_objects(self) -> Self:
        written = {*self.outputs().values(), self.progress_location()}
        for name in ("input_s3", "shape_s3"):
            if getattr(self, name) in written:
                raise ValueError(f"{name} {getattr(self, name)!r} would be overwritten by the output")
        for location in written:
            _s3_uri(location)
        return self

    def outputs(self) -> dict[str, str]:
        """Where each result goes: `shape`, `textured` or both, as `s3://` locations."""
        if self.stage is Stage.FULL:
            prefix = f"{str(self.output_prefix_s3).rstrip('/')}/"
            return {"shape": f"{prefix}shape.glb", "textured": f"{prefix}textured.glb"}
        return {"shape" if self.stage is Stage.SHAPE else "textured": str(self.output_s3)}

    def locations(self) -> list[str]:
        """All locations that the job reads and writes."""
        inputs = [self.input_s3] if self.shape_s3 is None else [self.input_s3, self.shape_s3]
        return [*inputs, *self.outputs().values()]

    def progress_location(self) -> str:
        """Where progress is written while the job runs: beside the last output."""
        return f"{list(self.outputs().values())[-1]}.progress.json"


class Progress(BaseModel):
    """`<output>.progress.json`, which exists while a job runs."""

    stage: Stage = Field(description="The current stage: shape or paint, in a full job too.")
    step: str
    fraction: float = Field(ge=0, le=1, description="Of the whole job.")
    message: str = ""


class Metrics(BaseModel):
    """What a job produced, and its cost."""

    vertices: int
    faces: int
    watertight: bool | None = Field(description="Of the shape, generated or given.")
    seconds: dict[str, float] = Field(description="Wall time of each step, in the order done.")
    seed: int
    backend: str
    device: str
    peak_vram_bytes: int | None = Field(None, description="None where no GPU was used.")
    subject: Literal["alpha", "background_removed", "whole_picture"] = Field(
        description="What separated the subject from its background; whole_picture: nothing did."
    )
    notes: list[str] = Field([], description="What was ignored of the given mesh.")


class InvocationResponse(BaseModel):
    """The body of a 200."""

    status: Literal["success"] = "success"
    stage: Stage
    outputs: dict[str, str]
    metrics: Metrics


class Health(BaseModel):
    """The body of `GET /ping`, for people; SageMaker reads the status, 200 or 503."""

    state: Literal["ready", "reloading", "loading", "draining"]
    backend: str | None = Field(None, description="None until the worker is ready for the first time.")
    device: str | None = None
    running: int = Field(0, description="Jobs that run: 0 or 1.")
    waiting: int = Field(0, description="Accepted jobs that wait for their turn.")


class ErrorCode(StrEnum):
    """Every way a job can fail. `STATUS` has the HTTP status of each."""

    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    OBJECT_NOT_FOUND = "object_not_found"
    ACCESS_DENIED = "access_denied"
    INVALID_IMAGE = "invalid_image"
    EMPTY_SUBJECT = "empty_subject"
    INVALID_MESH = "invalid_mesh"
    OBJECT_TOO_LARGE = "object_too_large"
    IMAGE_TOO_LARGE = "image_too_large"
    MESH_TOO_LARGE = "mesh_too_large"
    OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
    OUT_OF_MEMORY = "out_of_memory"
    BUSY = "busy"
    NOT_READY = "not_ready"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    WORKER_CRASHED = "worker_crashed"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL = "internal"


STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID_JSON: 400,
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.OBJECT_NOT_FOUND: 400,
    ErrorCode.ACCESS_DENIED: 400,
    ErrorCode.INVALID_IMAGE: 400,
    ErrorCode.EMPTY_SUBJECT: 400,
    ErrorCode.INVALID_MESH: 400,
    ErrorCode.OBJECT_TOO_LARGE: 413,
    ErrorCode.IMAGE_TOO_LARGE: 413,
    ErrorCode.MESH_TOO_LARGE: 413,
    ErrorCode.OUT_OF_GPU_MEMORY: 507,
    ErrorCode.OUT_OF_MEMORY: 507,
    ErrorCode.BUSY: 503,
    ErrorCode.NOT_READY: 503,
    ErrorCode.STORAGE_UNAVAILABLE: 500,
    ErrorCode.WORKER_CRASHED: 500,
    ErrorCode.DEADLINE_EXCEEDED: 500,
    ErrorCode.INTERNAL: 500,
}

RETRYABLE = frozenset(
    {
        ErrorCode.OUT_OF_GPU_MEMORY,
        ErrorCode.BUSY,
        ErrorCode.NOT_READY,
        ErrorCode.STORAGE_UNAVAILABLE,
        ErrorCode.WORKER_CRASHED,
    }
)
"""Errors after which the same request may succeed."""


class ErrorBody(BaseModel):
    """An error, for programs and for people."""

    code: ErrorCode
    message: MessageText
    stage: str | None = Field(None, description="The requested stage, where it could be read.")
    retryable: bool


class ErrorResponse(BaseModel):
    """The body of every response but a 200."""

    error: ErrorBody
    outputs: dict[str, str] = Field({}, description="Outputs that were finished, and are in S3.")


class JobError(Exception):
    """A failed job, as the contract describes it.

    `message` is shortened. `outputs` are those that are in S3 anyway, by name.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        self.code = code
        self.message = shortened(message)
        self.outputs: dict[str, str] = {}
        super().__init__(code, self.message)

    def __str__(self) -> str:
        return self.message
