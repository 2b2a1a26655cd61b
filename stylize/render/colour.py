"""Colours: display values and linear light."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def display_table(entries: int = 4096) -> NDArray[np.uint8]:
    """The sRGB transfer function (IEC 61966-2-1) sampled over the square root of linear light, for `encode`."""
    linear = np.linspace(0.0, 1.0, entries) ** 2
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(curve * 255).astype(np.uint8)


def linear(rgb: tuple[float, float, float] | str) -> Floats:
    """A display colour, as three numbers in [0, 1] or `#rrggbb`, in linear light."""
    if isinstance(rgb, str):
        rgb = tuple(int(rgb[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[assignment]
    value = np.asarray(rgb, np.float64)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
