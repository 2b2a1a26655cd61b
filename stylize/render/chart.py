"""Two small charts: the dance's path from above, and its speed over time with the beats."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from core_vimo.motion import Motion
from core_vimo.rotations import heading
from stylize.render.lettering import ACCENT, INK, Colour

Area = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the canvas, which is twice the picture's size."""
Numbers = NDArray[np.float64]

_FAINT: Colour = (222, 220, 215)
_EARLY = np.array([104, 123, 159])
_LATE = np.array(ACCENT)
_FONT_PX = 30


def draw_top_view(canvas: Pillow.Image, area: Area, motion: Motion) -> None:
    """The pelvis from above, the audience below, blue to orange with time; a tick each second shows the facing."""
    draw = ImageDraw.Draw(canvas)
    path = motion.root_m[:, :2].double().numpy()
    left, top, right, bottom = area[0] + 60, area[1] + 90, area[2] - 60, area[3] - 90
    span = max(float(np.ptp(path, axis=0).max()) * 1.15, 2.0)
    scale = min(right - left, bottom - top) / span
    middle = (path.max(0) + path.min(0)) / 2
    centre = np.array([(left + right) / 2, (top + bottom) / 2])

    def place(points: Numbers) -> Numbers:
        return centre + (points - middle) * np.array([scale, -scale])

    half = np.array([right - left, bottom - top]) / scale / 2
    squares_m = max(float(_round_steps(2 * float(half.max()), 40)[1]), 1.0)
    _grid(draw, place, middle - half, middle + half, squares_m)
    dots = place(path)
    shares = np.linspace(0, 1, len(path))
    for a, b, share in zip(dots[:-1], dots[1:], shares[:-1], strict=True):
        draw.line([tuple(a), tuple(b)], fill=_mixed(share), width=6)
    facing = heading(motion.rotations[:, 0]).double().numpy()
    each = np.arange(0, len(path), max(round(motion.fps), 1))
    for frame in each:
        tip = dots[frame] + 26 * np.array([np.cos(facing[frame]), -np.sin(facing[frame])])
        draw.line([tuple(dots[frame]), tuple(tip)], fill=_mixed(shares[frame]), width=4)
        _dot(draw, dots[frame], 7, _mixed(shares[frame]))
    _dot(draw, dots[0], 13, _mixed(0.0))
    _dot(draw, dots[-1], 13, _mixed(1.0))
    _text(draw, (left, area[1] + 28), f"path from above, {squares_m:g} m squares")
    _text(draw, ((left + right) / 2, area[3] - 58), "audience", anchor="ma")


def draw_speed(canvas: Pillow.Image, area: Area, motion: Motion, beats_s: Numbers) -> None:
    """Mean speed of all joints over time, with seconds below and the beats as lines."""
    draw = ImageDraw.Draw(canvas)
    left, top, right, bottom = area[0] + 110, area[1] + 90, area[2] - 80, area[3] - 90
    speed = mean_speed_m_s(motion)
    ceiling = max(float(speed.max()) * 1.1, 0.5)
    seconds = max(motion.seconds, 1e-6)

    def x(time_s: float) -> float:
        return left + (right - left) * float(time_s) / seconds

    for beat in beats_s[(beats_s >= 0) & (beats_s <= seconds)]:
        draw.line([(x(beat), top), (x(beat), bottom)], fill=(236, 205, 188), width=3)
    for level in _round_steps(ceiling, 4):
        y = bottom - (bottom - top) * level / ceiling
        draw.line([(left, y), (right, y)], fill=_FAINT, width=2)
        _text(draw, (left - 16, y), f"{level:g}", anchor="rm")
    for tick in _round_steps(seconds, 12):
        _text(draw, (x(tick), bottom + 16), f"{tick:g}", anchor="ma")
    rows = (bottom - (bottom - top) * speed / ceiling).tolist()
    curve = [(x((i + 0.5) / motion.fps), row) for i, row in enumerate(rows)]
    draw.line(curve, fill=_mixed(0.0), width=5, joint="curve")
    title = "mean joint speed, m/s, over seconds" + (", and beats" if len(beats_s) else "")
    _text(draw, (left, area[1] + 28), title)


def mean_speed_m_s(motion: Motion) -> Numbers:
    """Speed of the joints from one frame to the next, averaged over the body, `[S - 1]` (one zero for one frame)."""
    joints = motion.joints_m().double().numpy()
    if len(joints) < 2:
        return np.zeros(1)
    return np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(-1) * motion.fps


def _grid(
    draw: ImageDraw.ImageDraw, place: Callable[[Numbers], Numbers], low: Numbers, high: Numbers, squares_m: float
) -> None:
    for axis in (0, 1):
        for line in range(int(np.ceil(low[axis] / squares_m)), int(np.floor(high[axis] / squares_m)) + 1):
            ends = np.stack((low, high))
            ends[:, axis] = line * squares_m
            draw.line([tuple(p) for p in place(ends)], fill=_FAINT, width=2)


def _round_steps(limit: float, most: int) -> Numbers:
    """0 and the round numbers up to limit, at most about `most` of them."""
    rough = max(limit / most, 1e-9)
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    return np.arange(0, limit * (1 + 1e-9), step).astype(np.float64).round(6)


def _mixed(share: float) -> Colour:
    red, green, blue = np.round(_EARLY + (_LATE - _EARLY) * share).astype(int).tolist()
    return red, green, blue


def _dot(draw: ImageDraw.ImageDraw, at: Numbers, radius: float, colour: Colour) -> None:
    draw.ellipse([at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius], fill=colour)


def _text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, anchor: str = "la") -> None:
    draw.text(at, text, fill=INK, font=ImageFont.load_default(size=_FONT_PX), anchor=anchor)
