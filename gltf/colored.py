"""A mesh with vertex colours as one binary glTF 2.0 file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.gltf.write import Binary, assemble, new_document, sound_faces

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_colored_glb(
    positions: NDArray[np.float32], faces: NDArray[np.int32], colors: NDArray[np.float32]
) -> bytes:
    """The file's bytes, the same for the same arguments; unlit, so that colours show as they are.

    `positions` is (n, 3), `faces` (m, 3) indices into it, `colors` (n, 4) linear RGBA in [0, 1]. A viewer
    without KHR_materials_unlit renders it as a rough material:
    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_materials_unlit

    Raises:
        ValueError: no faces, or invalid positions, indices or colours.
    """
    if colors.shape != (len(positions), 4) or not np.isfinite(colors).all():
        raise ValueError(f"colors of shape {colors.shape}: expected ({len(positions)}, 4) finite numbers")
    sound = sound_faces(positions, faces)
    binary = Binary()
    attributes = {
        "POSITION": binary.attribute(positions, bounds=True),
        "COLOR_0": binary.attribute(colors.clip(0, 1)),
    }
    indices = binary.indices(sound, len(positions))
    material = {
        "name": "colors",
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        "extensions": {"KHR_materials_unlit": {}},
    }
    document = new_document() | {
        "extensionsUsed": ["KHR_materials_unlit"],
        "materials": [material],
        "meshes": [
            {"name": "model", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}
        ],
        "accessors": binary.accessors,
        "bufferViews": binary.views,
        "buffers": [{"byteLength": binary.length}],
    }
    return assemble(document, binary)
