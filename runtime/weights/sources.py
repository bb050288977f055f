"""Which files the hunyuan backend reads, where they are published, and where they go.

    <folder>/hunyuan3d-dit-v2-1/                      shape
    <folder>/hunyuan3d-paintpbr-v2-1/                 paint
    <folder>/dinov2-giant/                            paint: image features
    <folder>/hy3dpaint/ckpt/RealESRGAN_x4plus.pth     paint: upscales its views
    <folder>/u2net/u2net.onnx                         removes backgrounds

Plain files, no links: the folder can be mounted at /opt/ml/model, or uploaded as SageMaker's ModelDataSource.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Source:
    """Files of one repository at one revision; `sha256` is of a lone file from elsewhere than its makers."""

    repository: str
    revision: str
    patterns: tuple[str, ...]
    folder: str = "."
    kind: str = "model"
    sha256: str = ""

    def wants(self, path: str) -> bool:
        """Whether a file of the repository is one of these."""
        return any(fnmatchcase(path, pattern) for pattern in self.patterns)

    def __str__(self) -> str:
        return f"{self.repository} at {self.revision[:12]}"


def sources(settings: Settings) -> tuple[Source, ...]:
    """All that the hunyuan backend reads, about 20 GB."""
    return (
        Source(
            "tencent/Hunyuan3D-2.1",
            settings.hunyuan_revision,
            (
                "LICENSE*",
                "Notice*",
                "hunyuan3d-dit-v2-1/config.yaml",
                "hunyuan3d-dit-v2-1/model.fp16.ckpt",
                "hunyuan3d-paintpbr-v2-1/*",
            ),
        ),
        Source(
            "facebook/dinov2-giant",
            settings.dino_revision,
            ("config.json", "preprocessor_config.json", "model.safetensors"),
            "dinov2-giant",
        ),
        Source(
            "tencent/Hunyuan3D-2.1",
            "61d23d8ce7d066d418ed501df7c3ee4329817f14",
            ("hy3dpaint/ckpt/RealESRGAN_x4plus.pth",),
            kind="space",
            # Of https://github.com/xinntao/Real-ESRGAN/releases/tag/v0.1.0.
            sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        ),
        Source(
            "tomjackson2023/rembg",
            "main",
            ("u2net.onnx",),
            "u2net",
            # Of https://github.com/danielgatis/rembg/releases/tag/v0.0.0, where rembg itself fetches it.
            sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        ),
    )
