"""A person's 2D keypoints over the pictures they were seen in: what a model is told of the video, for people to check.

Sides have the body's hues (`scene.Look`), brighter: orange is the person's left, blue-green the right. The surer the
estimator, the more opaque. Joints below `CONFIDENT` are not drawn, as the model isn't told of them.
"""

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.motion import FPS
from stylize.render.camera import Floats, Size
from stylize.render.lettering import draw_mask, text_mask
from stylize.render.rasteriser import f32, kernel
from stylize.render.scene import Image

LEFT, RIGHT, MIDDLE, DARK, FLASH = (255, 140, 74), (40, 196, 205), (245, 242, 234), (18, 20, 26), (255, 214, 84)
"""Display colours of the sides, of what joins them, of outlines, and of a cut."""

NECK = 17  # COCO has none: the middle of the shoulders
_LIMBS = {
    LEFT: ((5, 7), (7, 9), (5, 11), (11, 13), (13, 15)),
    RIGHT: ((6, 8), (8, 10), (6, 12), (12, 14), (14, 16)),
    MIDDLE: ((5, 6), (11, 12), (NECK, 0)),
}
_DOTS = {LEFT: (1, 3, 5, 7, 9, 11, 13, 15), RIGHT: (2, 4, 6, 8, 10, 12, 14, 16), MIDDLE: (0,)}
_STROKES = np.array([limb for limbs in _LIMBS.values() for limb in limbs] + [(j, j) for d in _DOTS.values() for j in d])
_COLOURS = np.array(
    [colour for colour, limbs in _LIMBS.items() for _ in limbs] + [colour for colour, d in _DOTS.items() for _ in d],
    np.float32,
)
_DOT = np.where(_STROKES[:, 0] == _STROKES[:, 1], np.where(_STROKES[:, 0] < 5, 1.0, 1.6), 1.0).astype(np.float32)

_FAINTEST = 0.35  # opacity of a joint that is only just confident
_THINNEST_PX = 0.8
_FLASH_FRAMES = 4  # in which a cut's flash fades to a third


@kernel
def draw_strokes(image: Any, ends: Any, radii: Any, colours: Any, opacities: Any) -> None:
    """Blend round-ended strokes over `image [H, W, 3]` in place, anti-aliased, one after another.

    ends `[N, 4]`: x, y of both ends in pixels (pixel centres at halves); radii `[N]`; colours `[N, 3]`; opacities
    `[N]`. A stroke with both ends in one place is a dot; one that isn't finite is left out.
    """
    height, width = image.shape[0], image.shape[1]
    for k in range(ends.shape[0]):
        ax, ay, bx, by = ends[k, 0], ends[k, 1], ends[k, 2], ends[k, 3]
        if not np.isfinite(ax + ay + bx + by):
            continue
        reach = radii[k] + f32(0.5)
        left = int(min(max(min(ax, bx) - reach, f32(0)), f32(width)))
        right = int(max(min(max(ax, bx) + reach + f32(1), f32(width)), f32(0)))
        top = int(min(max(min(ay, by) - reach, f32(0)), f32(height)))
        bottom = int(max(min(max(ay, by) + reach + f32(1), f32(height)), f32(0)))
        dx, dy = bx - ax, by - ay
        length2 = max(dx * dx + dy * dy, f32(1e-6))
        for y in range(top, bottom):
            for x in range(left, right):
                px = f32(x) + f32(0.5) - ax
                py = f32(y) + f32(0.5) - ay
                along = min(max((px * dx + py * dy) / length2, f32(0)), f32(1))
                px -= along * dx
                py -= along * dy
                near = reach * reach - px * px - py * py
                if near > 0:
                    cover = min(reach - np.sqrt(px * px + py * py), f32(1)) * opacities[k]
                    for c in range(3):
                        under = f32(image[y, x, c])
                        image[y, x, c] = np.uint8(under + (colours[k, c] - under) * cover + f32(0.5))


class KeypointPainter:
    """Draws what a footage holds of a frame onto a picture of that frame, whatever its size."""

    def __init__(self, footage: Footage, size: Size) -> None:
        scale = np.array([size[0] / footage.pose.size[0], size[1] / footage.pose.size[1], 1.0], np.float32)
        joints = footage.pose.keypoints.numpy() * scale
        shoulders = joints[:, 5:7]
        neck = np.concatenate((shoulders[..., :2].mean(1), shoulders[..., 2].min(1, keepdims=True)), -1)[:, None]
        self._joints = np.concatenate((joints, neck), 1).astype(np.float32)
        self._cuts = np.array((0, *footage.cuts))
        self._least = min(size)

    def __len__(self) -> int:
        return len(self._joints)

    @property
    def shots(self) -> int:
        return len(self._cuts)

    def shot(self, frame: int) -> int:
        """Number of the shot that shows the frame, from 1."""
        return int(np.searchsorted(self._cuts, frame, side="right"))

    def draw(self, image: Image, frame: int) -> None:
        """The skeleton and the corners of the box around it, in place; nothing where nobody is seen."""
        if frame >= len(self):
            return
        joints = self._joints[frame]
        seen = joints[:NECK][joints[:NECK, 2] >= CONFIDENT, :2]
        if not len(seen):
            return
        low, high = seen.min(0), seen.max(0)
        radius = np.clip(0.009 * np.hypot(*(high - low)), 0.0018 * self._least, 0.006 * self._least)
        self._draw_box(image, low - 4 * radius, high + 4 * radius)
        self._draw_skeleton(image, joints, np.float32(max(radius, _THINNEST_PX)))

    def flash(self, image: Image, frame: int) -> None:
        """A frame around the picture that lights up at each cut and fades."""
        since = frame - self._cuts[self.shot(frame) - 1]
        if self.shot(frame) == 1 or since > 4 * _FLASH_FRAMES:
            return
        height, width = image.shape[:2]
        corners = ((0, 0), (width, 0), (width, height), (0, height), (0, 0))
        ends = np.array([(*corners[k], *corners[k + 1]) for k in range(4)], np.float32)
        draw_plain(image, ends, 0.012 * self._least, FLASH, 0.9 * float(np.exp(-since / _FLASH_FRAMES)))

    def caption(self, frame: int) -> str:
        """The frame's time and, where there are several, its shot, in words."""
        shot = f"shot {self.shot(frame)} of {self.shots}   " if self.shots > 1 else ""
        seen = frame < len(self) and bool((self._joints[frame, :NECK, 2] >= CONFIDENT).any())
        return f"{shot}{frame / FPS:.1f} s{'' if seen else '   nobody seen'}"

    def _draw_skeleton(self, image: Image, joints: Floats, radius: np.float32) -> None:
        confidence = joints[_STROKES, 2].min(1)
        shown = confidence >= CONFIDENT
        ends = np.ascontiguousarray(joints[_STROKES[shown], :2].reshape(-1, 4))
        sure = (confidence[shown] - CONFIDENT) / (1 - CONFIDENT)
        opacity = (_FAINTEST + (1 - _FAINTEST) * sure).astype(np.float32)
        radii = radius * _DOT[shown]
        dark = np.broadcast_to(np.array(DARK, np.float32), (len(ends), 3)).copy()
        draw_strokes(image, ends, radii + np.float32(0.5) * radius + np.float32(0.5), dark, opacity * np.float32(0.5))
        draw_strokes(image, ends, radii, _COLOURS[shown], opacity)

    def _draw_box(self, image: Image, low: Floats, high: Floats) -> None:
        arm = 0.18 * (high - low).min()
        strokes = []
        for x, inwards in ((low[0], arm), (high[0], -arm)):
            for y, downwards in ((low[1], arm), (high[1], -arm)):
                strokes += [(x, y, x + inwards, y), (x, y, x, y + downwards)]
        ends = np.array(strokes, np.float32)
        draw_plain(image, ends, 0.0032 * self._least, DARK, 0.35)
        draw_plain(image, ends, 0.0014 * self._least, MIDDLE, 0.9)


def draw_plain(image: Image, ends: Floats, radius: float, colour: tuple[int, int, int], opacity: float) -> None:
    """Strokes `[N, 4]` that all look the same."""
    count = len(ends)
    colours = np.tile(np.array(colour, np.float32), (count, 1))
    radii, opacities = np.full(count, radius, np.float32), np.full(count, opacity, np.float32)
    draw_strokes(image, np.ascontiguousarray(ends, np.float32), radii, colours, opacities)


def draw_caption(image: Image, text: str, height_px: int) -> None:
    """Light text on a dark plate in the upper left corner."""
    mask, edge = text_mask(text, height_px), height_px // 2 + 1
    plate = np.full((mask.shape[0] + 2 * edge, mask.shape[1] + 2 * edge), 255, np.uint8)
    draw_mask(image, plate, edge, edge, DARK, 0.6)
    draw_mask(image, mask, 2 * edge, 2 * edge, MIDDLE)


def plain_ground(size: Size) -> NDArray[np.uint8]:
    """What keypoints without a video lie on, `[H, W, 3]`."""
    return np.full((size[1], size[0], 3), (52, 56, 66), np.uint8)


def resized(picture: Image, size: Size) -> Image:
    """The same array where it has this size already."""
    if picture.shape[:2] == size[::-1]:
        return picture
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(*size, interpolation=Interpolation.BICUBIC).to_ndarray().astype(np.uint8, copy=False)
