"""Text and dots on pictures, and the count a choreographer calls."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

if TYPE_CHECKING:
    from edge_adapter.beats import BeatGrid

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
Overlay = Callable[[Image, float], None]
"""Draws onto a picture `[H, W, 3]` in place, given its time in seconds; must be picklable."""

INK: Colour = (58, 62, 72)
ACCENT: Colour = (205, 104, 66)

_FADE_S = 0.22


@dataclass(frozen=True, eq=False)
class CountOverlay:
    """The count (1 to 8, or to 6 in a waltz) large in the upper right corner, and a row of dots that fill with it.

    beats_s `[N]` ascending seconds of the motion, counts `[N]`, both from one beat grid. Draws nothing before the first
    beat.
    """

    beats_s: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, grid: "BeatGrid", start_s: float = 0.0) -> "CountOverlay":
        """For a motion that begins at `start_s` of the song whose beats the grid holds."""
        return cls(np.asarray(grid.beats_s, float) - start_s, np.asarray(grid.counts(), int))

    def __call__(self, image: Image, time_s: float) -> None:
        beat = int(np.searchsorted(self.beats_s, time_s + 1e-6, side="right")) - 1
        if beat < 0:
            return
        count, phrase = int(self.counts[beat]), int(self.counts.max())
        fresh = float(np.exp(-(time_s - self.beats_s[beat]) / _FADE_S))
        side = min(image.shape[:2])
        self._digit(image, count, side, fresh)
        gap = side * 0.032
        row, first = image.shape[0] - side * 0.045, image.shape[1] / 2 - gap * (phrase - 1) / 2
        for place in range(phrase):
            now = place + 1 == count
            radius = side * (0.0065 + 0.0045 * fresh * now)
            colour = ACCENT if now else INK
            draw_dot(image, first + place * gap, row, radius, colour, 0.9 if now else 0.3)

    def _digit(self, image: Image, count: int, side: int, fresh: float) -> None:
        mask = text_mask(str(count), round(side * 0.16))
        left = image.shape[1] - mask.shape[1] - round(side * 0.05)
        draw_mask(image, mask, left, round(side * 0.045), ACCENT if count == 1 else INK, 0.35 + 0.55 * fresh)


@lru_cache(maxsize=256)
def text_mask(text: str, height_px: int) -> Image:
    """Coverage `[h, w]` of a line of text in Pillow's own font, cut to its ink."""
    font = ImageFont.load_default(size=height_px * 1.35)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    canvas = Pillow.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(canvas)


def draw_mask(image: Image, mask: Image, left: int, top: int, colour: Colour, opacity: float = 1.0) -> None:
    """Blend colour over image in place where mask covers it; what falls outside is cut off."""
    rows, columns = slice(max(top, 0), max(top + mask.shape[0], 0)), slice(max(left, 0), max(left + mask.shape[1], 0))
    under = image[rows, columns]
    cover = mask[max(-top, 0) :, max(-left, 0) :][: under.shape[0], : under.shape[1], None] / 255 * opacity
    image[rows, columns] = np.round(under + (np.array(colour) - under) * cover).astype(np.uint8)


def draw_text(image: Image, text: str, centre: int, top: int, height_px: int, colour: Colour = INK) -> None:
    """A line of text, centred on a column."""
    mask = text_mask(text, height_px)
    draw_mask(image, mask, centre - mask.shape[1] // 2, top, colour)


def draw_dot(image: Image, x: float, y: float, radius: float, colour: Colour, opacity: float) -> None:
    """An anti-aliased dot."""
    reach = int(np.ceil(radius)) + 1
    left, top = int(x) - reach, int(y) - reach
    rows, columns = np.mgrid[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    distance = np.hypot(columns + 0.5 - x, rows + 0.5 - y)
    mask = np.round(np.clip(radius + 0.5 - distance, 0, 1) * 255).astype(np.uint8)
    draw_mask(image, mask, left, top, colour, opacity)
