"""One image to judge a result by: the input beside four views of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from meshtwin.runtime.geometry.glb_read import read_textured_glb
from meshtwin.runtime.geometry.raster import rasterize
from meshtwin.runtime.images.decode import open_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from meshtwin.runtime.geometry.mesh import TexturedMesh

    Pixels = NDArray[np.float32]

VIEWS = (("front", 0.0, 4.0), ("three-quarter", 40.0, 12.0), ("side", 90.0, 6.0), ("back", 180.0, 6.0))
"""Name, and the camera's turn around the model to its left and its height above it, in degrees."""

TILE = 400
LABEL = 34
GAP = 12
OVERSAMPLING = 2
FILL = 0.82
"""Of a tile: how much of it the model's widest view takes."""

CUT_OUT = 0.92
"""Of a tile: how much of it a transparent image takes, whose subject may reach its edge."""

BACKDROP = np.array([0.93, 0.93, 0.925], np.float32), np.array([0.80, 0.81, 0.825], np.float32)
"""sRGB at the top and at the bottom of a tile, 0 to 1."""
PAPER, INK = (250, 250, 249), (70, 72, 78)

HORIZON = 0.49
"""Where the model's middle stands on a tile, from the top."""

FLOOR, FLOOR_SIDE = 1.5, 256
"""How far the floor that takes a shadow reaches, in radii of the model, and its side in pixels."""

SHADOW, SHADOW_REACH = 0.55, 0.7
"""How dark a shadow is at most, and how many radii above the floor a part has lost most of its own."""

KEY, FILL_LIGHT, BEHIND = (-0.45, 0.65, 0.70), (0.80, 0.15, 0.45), (0.25, 0.55, -0.80)
"""Directions towards the lights, in the camera's space: the lamp, what it leaves dark, and the outline."""
KEY_POWER, FILL_POWER, BEHIND_POWER = 0.62, 0.16, 0.22
SKY, GROUND = 0.44, 0.26
"""What comes from everywhere, from above and from below."""
GLOSS, GLOSS_POWER = 24, 0.05


def contact_sheet(image: Path, glb: Path, out: Path) -> None:
    """Write a PNG of `image` beside the textured `glb` from the front, between, from the side and the back.

    Raises:
        meshtwin.runtime.contract.JobError: the image or the mesh cannot be read.
    """
    mesh = read_textured_glb(glb)
    tiles = [("image", _image_tile(image)), *_view_tiles(mesh)]
    width = len(tiles) * (TILE + GAP) + GAP
    sheet = Image.new("RGB", (width, TILE + LABEL + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for index, (name, tile) in enumerate(tiles):
        left = GAP + index * (TILE + GAP)
        sheet.paste(tile, (left, GAP))
        draw.text((left + TILE / 2, GAP + TILE + LABEL / 2 - GAP / 2), name, INK, font, anchor="mm")
    sheet.save(out, "PNG", compress_level=4)


def _image_tile(image: Path) -> Image.Image:
    """The whole image, on the views' backdrop where it is transparent."""
    opened = open_image(image)
    upright = Image.fromarray(opened.rgb).convert("RGBA")
    if opened.alpha is not None:
        upright.putalpha(Image.fromarray(opened.alpha))
    tiny = max(upright.size) < TILE / 4
    resample = Image.Resampling.NEAREST if tiny else Image.Resampling.LANCZOS  # pixel art stays pixel art
    side = TILE if np.asarray(upright.getchannel("A")).all() else round(TILE * CUT_OUT)
    upright = ImageOps.contain(upright, (side, side), resample)
    tile = Image.fromarray(_to_bytes(_backdrop(TILE)))
    corner = ((TILE - upright.width) // 2, (TILE - upright.height) // 2)
    tile.paste(upright, corner, upright)
    return tile


def _view_tiles(mesh: TexturedMesh) -> Iterator[tuple[str, Image.Image]]:
    points, radius = _centred(mesh.vertices)
    shadow = _shadow(points, mesh.faces, radius)
    side = TILE * OVERSAMPLING
    scale = side * FILL / (2 * radius)
    for name, turn, height in VIEWS:
        rotation = _rotation(turn, height)
        floor = points[:, 1].min()
        image = _with_shadow(_backdrop(side), shadow, floor, rotation, (radius, scale))
        _draw(image, mesh, points @ rotation.T * scale, mesh.normals @ rotation.T)
        small = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)
        yield name, Image.fromarray(_to_bytes(np.asarray(small, np.float32)))


def _draw(
    image: Pixels, mesh: TexturedMesh, points: NDArray[np.float64], normals: NDArray[np.float64]
) -> None:
    """Draw the mesh onto `image`; `points` and `normals` are in the camera's space, `points` in pixels."""
    side = len(image)
    on_tile = points * [1, -1, 1] + [side / 2, side * HORIZON, 0]
    raster = rasterize(on_tile, mesh.faces, side, side, cull=True)
    seen = raster.interpolate(mesh.faces, np.hstack([normals, mesh.uv]).astype(np.float32))
    covered = raster.covered
    base = _sample(mesh.base_color, seen[..., 3:])[covered]
    image[covered] = _encode(_shade(_decode(base), seen[covered][:, :3]))


def _rotation(turn: float, height: float) -> NDArray[np.float64]:
    """(3, 3) from the model's space into the camera's."""
    around, above = np.radians(turn), np.radians(height)
    yaw: NDArray[np.float64] = np.array(
        [[np.cos(around), 0, -np.sin(around)], [0, 1, 0], [np.sin(around), 0, np.cos(around)]]
    )
    pitch = np.array([[1, 0, 0], [0, np.cos(above), -np.sin(above)], [0, np.sin(above), np.cos(above)]])
    return np.asarray(pitch @ yaw)


def _centred(vertices: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """The vertices around 0, and how far they reach at most from the upright axis or along it."""
    points = vertices.astype(np.float64)
    points -= (points.min(axis=0) + points.max(axis=0)) / 2
    across = np.hypot(points[:, 0], points[:, 2]).max()
    return points, float(max(across, np.abs(points[:, 1]).max()) or 1.0)


def _backdrop(side: int) -> Pixels:
    top, bottom = BACKDROP
    fade = np.linspace(0, 1, side, dtype=np.float32)[:, None, None] ** 1.5
    return np.array(np.broadcast_to(top + (bottom - top) * fade, (side, side, 3)), np.float32)


def _shadow(points: NDArray[np.float64], faces: NDArray[np.int32], radius: float) -> Pixels:
    """How dark the floor is, seen from above, 0 to 1: darkest where the model stands on it.

    It spans `FLOOR` times `radius` to each side of the upright axis.
    """
    pixels = FLOOR_SIDE / (2 * FLOOR * radius)
    from_below = np.stack([points[:, 0], points[:, 2], -points[:, 1]], axis=1) * pixels
    from_below[:, :2] += FLOOR_SIDE / 2
    raster = rasterize(from_below, faces, FLOOR_SIDE, FLOOR_SIDE)
    above = (from_below[:, 2].max() - raster.depth) / pixels / radius
    dark = np.where(raster.covered, np.exp(-above / SHADOW_REACH), 0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(dark, (0, 0), FLOOR_SIDE / 40), np.float32)


def _with_shadow(
    image: Pixels, shadow: Pixels, floor: float, rotation: NDArray[np.float64], size: tuple[float, float]
) -> Pixels:
    """The backdrop with the floor's shadow as the camera sees it; `size`: the model's radius, the scale."""
    radius, scale = size
    side = len(image)
    unit = 2 * FLOOR * radius / FLOOR_SIDE
    across, up = rotation[0] * scale, -rotation[1] * scale
    origin = np.array([-FLOOR * radius, floor, -FLOOR * radius])
    matrix = np.array(
        [
            [across[0] * unit, across[2] * unit, side / 2 + across @ origin],
            [up[0] * unit, up[2] * unit, side * HORIZON + up @ origin],
        ]
    )
    seen = np.asarray(cv2.warpAffine(shadow, matrix, (side, side), flags=cv2.INTER_LINEAR), np.float32)
    return np.asarray(image * (1 - SHADOW * seen[..., None]), np.float32)


def _sample(texture: NDArray[np.uint8], uv: Pixels) -> Pixels:
    """The texture at every pixel's coordinates, 0 to 1."""
    height, width = texture.shape[:2]
    x, y = uv[..., 0] * width - 0.5, uv[..., 1] * height - 0.5
    sampled = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32) / np.float32(255)


def _shade(albedo: Pixels, normals: Pixels) -> Pixels:
    """Linear light that (n, 3) linear albedo sends to the camera."""
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    light = (SKY + GROUND) / 2 + (SKY - GROUND) / 2 * normals[:, 1]
    key = np.array(KEY, np.float32) / np.linalg.norm(KEY)
    for direction, power in ((KEY, KEY_POWER), (FILL_LIGHT, FILL_POWER), (BEHIND, BEHIND_POWER)):
        unit = np.array(direction, np.float32) / np.linalg.norm(direction)
        light += power * (normals @ unit).clip(0)
    half = key + np.array([0, 0, 1], np.float32)
    gloss = (normals @ (half / np.linalg.norm(half))).clip(0) ** GLOSS * GLOSS_POWER
    return np.asarray(albedo * light[:, None] + gloss[:, None], np.float32)


def _decode(srgb: Pixels) -> Pixels:
    return np.asarray(srgb**2.2, np.float32)


def _encode(linear: Pixels) -> Pixels:
    return np.asarray(linear.clip(0, 1) ** (1 / 2.2), np.float32)


def _to_bytes(image: Pixels) -> NDArray[np.uint8]:
    return np.asarray(np.rint(image.clip(0, 1) * 255), np.uint8)
