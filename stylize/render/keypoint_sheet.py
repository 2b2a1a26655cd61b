"""One picture of what was seen in a video: moments with their keypoints, and a line of time with shots and doubts."""

from pathlib import Path

import numpy as np

from core_vimo.errors import InputError
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.motion import FPS
from core_vimo.video.decode import frames, probe
from stylize.render.camera import Size
from stylize.render.keypoints import (
    FLASH,
    LEFT,
    MIDDLE,
    KeypointPainter,
    draw_caption,
    draw_plain,
    plain_ground,
    resized,
)
from stylize.render.lettering import draw_mask, draw_text, text_mask
from stylize.render.picture import write_png
from stylize.render.scene import Image

_CELL_AREA = 480 * 360  # of a moment's picture
_GAP, _TIMELINE = 10, 120
_LEGEND = (
    "orange: the person's left, blue-green: right; curve: share of joints seen; yellow lines: cuts; dots: pictures"
)


def keypoint_picture(
    footage: Footage, video: Path | str | None, path: Path | str, *, start_s: float = 0.0, moments: int = 8
) -> None:
    """Write a PNG of `moments` pictures of the video, evenly through the footage, with keypoints and shot numbers.

    The footage begins at `start_s` of the video; without one, the keypoints lie on a plain ground. Only the moments'
    surroundings are decoded.
    """
    if not 1 <= moments <= 24:
        raise InputError(f"a sheet of {moments} moments can't be drawn; ask for 1 to 24")
    facts = None if video is None else probe(video)
    cell = _cell(footage.pose.size if facts is None else (facts.width, facts.height))
    painter = KeypointPainter(footage, cell)
    times = _times(footage, min(moments, len(footage)))
    cells = [_moment(painter, video, start_s, frame, cell) for frame in times]
    rows = _grid(cells, columns=-(-len(cells) // (2 if cell[0] >= cell[1] and len(cells) > 3 else 1)))
    write_png(np.concatenate((rows, _timeline(footage, times, rows.shape[1]))), path)


def _times(footage: Footage, moments: int) -> list[int]:
    """Frames evenly through the footage; where there are no more shots than moments, each shot has one at least."""
    times = ((np.arange(moments) + 0.5) * len(footage) / moments).astype(int)
    shots = [range(len(footage))[shot] for shot in footage.shots()]
    for shot in shots if len(shots) <= moments else []:
        if not any(time in shot for time in times):
            free = [k for k, time in enumerate(times) if sum(t in s for t in times for s in shots if time in s) > 1]
            times[min(free, key=lambda k: abs(times[k] - shot.start))] = shot[len(shot) // 2]
    return sorted(times.tolist())


def _cell(filmed: Size) -> Size:
    shape = float(np.clip(filmed[0] / filmed[1], 0.3, 4))
    return round((_CELL_AREA * shape) ** 0.5), round((_CELL_AREA / shape) ** 0.5)


def _moment(painter: KeypointPainter, video: Path | str | None, start_s: float, frame: int, cell: Size) -> Image:
    image = plain_ground(cell)
    if video is not None:
        image = resized(next(frames(video, FPS, max(cell), start_s + frame / FPS, 1 / FPS)), cell).copy()
    painter.draw(image, frame)
    draw_caption(image, painter.caption(frame), 13)
    return image


def _dark_ground(size: Size) -> Image:
    return (plain_ground(size) // 2).astype(np.uint8)


def _grid(cells: list[Image], columns: int) -> Image:
    rows = -(-len(cells) // columns)
    height, width = cells[0].shape[:2]
    sheet = _dark_ground((columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP))
    for place, cell in enumerate(cells):
        top, left = (_GAP + k * (side + _GAP) for k, side in zip(divmod(place, columns), (height, width), strict=True))
        sheet[top : top + height, left : left + width] = cell
    return sheet


def _timeline(footage: Footage, times: list[int], width: int) -> Image:
    """Share of joints seen through time, the cuts with the shots' numbers, and where the moments lie."""
    image = _dark_ground((width, _TIMELINE))
    left, right, top, bottom = 2 * _GAP, width - 2 * _GAP, 34, 88
    x = left + (np.arange(len(footage) + 1) / len(footage) * (right - left)).astype(np.float32)
    share = (footage.pose.confidence >= CONFIDENT).float().mean(1).numpy()
    y = bottom - share * (bottom - top)
    for edge in (top, bottom):
        draw_plain(image, np.array([(left, edge, right, edge)], np.float32), 0.5, MIDDLE, 0.25)
    draw_plain(image, np.stack((x[:-2], y[:-1], x[1:-1], y[1:]), 1), 1.2, MIDDLE, 0.8)
    draw_plain(
        image, np.array([(x[cut], 26, x[cut], bottom + 4) for cut in footage.cuts]).reshape(-1, 4), 0.8, FLASH, 1
    )
    draw_plain(image, np.array([(x[t], bottom + 4, x[t], bottom + 4) for t in times]), 3.5, LEFT, 1)
    for number, shot in enumerate(footage.shots(), start=1):
        if x[shot.stop] - x[shot.start] > 16:
            draw_text(image, str(number), int(x[shot.start] + x[shot.stop]) // 2, 16, 11, MIDDLE)
    legend, seconds = text_mask(_LEGEND, 13), text_mask(f"{footage.seconds:.1f} s", 13)
    draw_mask(image, legend, left, _TIMELINE - 20, MIDDLE, 0.8)
    draw_mask(image, seconds, right - seconds.shape[1], _TIMELINE - 20, MIDDLE, 0.8)
    return image
