"""CIEDE2000, for tests and benchmarks: how different two colours look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

_TO_XYZ = np.array(
    [
        [0.4123907993, 0.3575843394, 0.1804807884],
        [0.2126390059, 0.7151686788, 0.0721923154],
        [0.0193308187, 0.1191947798, 0.9505321522],
    ]
)


def cielab(linear: Floats) -> NDArray[np.float64]:
    """CIELAB under D65 of linear sRGB, (..., 3)."""
    xyz = linear.astype(np.float64) @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lab = [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    return np.stack(lab, axis=-1)


def ciede2000(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Differences of CIELAB colours (..., 3): Sharma, Wu and Dalal, Color Research & Application 30 (2005).

    https://hajim.rochester.edu/ece/sites/gsharma/ciede2000/
    """
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where(c1 * c2 == 0, 0, turn)
    mean_h = np.where(c1 * c2 == 0, h1 + h2, _mean_hue(h1, h2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * _hue_weight(mean_h)
    light, chroma = (l2 - l1) / s_l, (c2 - c1) / s_c
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2) / s_h
    bend = np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25**7)) * bend
    return np.asarray(np.sqrt(light**2 + chroma**2 + hue**2 + rotation * chroma * hue), np.float64)


def _mean_hue(h1: Floats, h2: Floats) -> NDArray[np.float64]:
    mean = (h1 + h2) / 2
    return np.where(np.abs(h1 - h2) <= 180, mean, np.where(h1 + h2 < 360, mean + 180, mean - 180))


def _hue_weight(h: Floats) -> Floats:
    def wave(degrees: Floats) -> Floats:
        return np.cos(np.radians(degrees))

    weight = 1 - 0.17 * wave(h - 30) + 0.24 * wave(2 * h) + 0.32 * wave(3 * h + 6) - 0.2 * wave(4 * h - 63)
    return np.asarray(weight, np.float64)
