"""A video with its keypoints at the left, the motion made of it at the right: one film, one clock."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion import FPS, Motion, resample
from core_vimo.publish import publish_file
from core_vimo.rotations import FRONT
from core_vimo.video.decode import frames, probe
from stylize.render.camera import Floats, Size
from stylize.render.encoder import Mp4Encoder
from stylize.render.frames import Planes, Shot, draw_frames, to_planes
from stylize.render.framing import follow, frame_all
from stylize.render.keypoints import KeypointPainter, draw_caption, plain_ground, resized
from stylize.render.poses import mannequin_mesh, poses_of
from stylize.render.scene import Image
from stylize.render.soundtrack import sound_of_video
from stylize.render.video import Progress, check_size

MOST_TAKES = 4

_NARROWEST, _WIDEST = 0.45, 2.4  # width over height of the video's side; pictures beyond that get borders
_STAGE = {1: 1.0, 2: 1.3, 3: 1.6, 4: 1.9}
"""Width over height of the motions' side, by their number."""

_FAR_M = 2.5  # who goes farther than that from side to side or to the front is followed, or they would be tiny
_ELBOW_ROOM_M = 0.2


def write_side_by_side(
    motion: Motion | Sequence[Motion],
    footage: Footage,
    video: Path | str | None,
    path: Path | str,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    size: Size = (1600, 720),
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write H.264 to `path`, an .mp4 at 30 fps: frame i shows video and motion at i / 30 s, with the video's own sound.

    motion: one, or up to four takes, which stand in a row. They and the footage begin at `start_s` of the video and are
    shown for `seconds`, or as long as the longest motion; what ends early holds its last picture. Without a video the
    keypoints lie on a plain ground. size is the largest picture; both sides share a height within it. The stage is seen
    from where the video's first camera stood. Bad input or an early end leave no file. Memory does not grow with the
    pictures.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: videos are written as .mp4; choose that suffix")
    check_size(size)
    motions = _shown(motion, seconds)
    facts = None if video is None else probe(video)
    filmed = footage.pose.size if facts is None else (facts.width, facts.height)
    layout = Layout.of(filmed, len(motions), size)
    shot = stage_of(motions, layout.stage)
    lasts_s = len(shot) / FPS
    sound = sound_of_video(Path(video), start_s, lasts_s) if video is not None and facts and facts.has_sound else None
    with (
        closing(_pictures(video, start_s, lasts_s, layout)) as pictures,
        closing(draw_frames(shot, workers)) as stages,
        publish_file(path) as aside,
        Mp4Encoder(aside, layout.size, FPS, sound) as encoder,
    ):
        painter = KeypointPainter(footage, layout.picture)
        for frame, (picture, stage) in enumerate(zip(pictures, stages, strict=False)):
            encoder.add(beside(to_planes(_panel(painter, picture, frame, layout)), stage))
            if progress is not None:
                progress(frame + 1, len(shot))


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels: the video's picture, in the middle of its panel, and the stage beside it, as high."""

    picture: Size
    panel: Size
    stage: Size

    @classmethod
    def of(cls, filmed: Size, takes: int, largest: Size) -> "Layout":
        shape, stage = float(np.clip(filmed[0] / filmed[1], _NARROWEST, _WIDEST)), _STAGE[takes]
        height = _even(min(largest[1], largest[0] / (shape + stage)))
        panel = _even(height * shape), height
        scale = min(panel[0] / filmed[0], panel[1] / filmed[1])
        picture = tuple(
            limit if abs(side * scale - limit) < 2 else max(round(side * scale), 1)
            for side, limit in zip(filmed, panel, strict=True)
        )
        return cls((picture[0], picture[1]), panel, (_even(height * stage), height))

    @property
    def size(self) -> Size:
        return self.panel[0] + self.stage[0], self.panel[1]


def _even(pixels: float) -> int:
    return max(2 * int(pixels / 2), 2)


def _shown(motion: Motion | Sequence[Motion], seconds: float | None) -> list[Motion]:
    """The takes at 30 fps, equally long: those that end early stand still."""
    motions = [motion] if isinstance(motion, Motion) else list(motion)
    if not 1 <= len(motions) <= MOST_TAKES:
        raise InputError(f"{len(motions)} motions don't fit beside a video; give 1 to {MOST_TAKES}")
    if seconds is not None and not 0 < seconds < 1e6:
        raise InputError(f"a film of {seconds} s can't be made; give more than 0")
    motions = [resample(take, FPS) for take in motions]
    length = max(map(len, motions))
    return motions if seconds is None else [take[: max(min(round(seconds * FPS), length), 1)] for take in motions]


def stage_of(motions: Sequence[Motion], size: Size) -> Shot:
    """The takes in a row, the first at the left, seen from the audience's side; far travellers are followed."""
    posed = [poses_of(take) for take in motions]
    length = max(map(len, posed))
    transforms = np.stack([_held(poses.transforms, length) for poses in posed], 1)
    joints_m = np.stack([_held(poses.joints_m, length) for poses in posed], 1)
    path_m = joints_m[:, :, :1].mean(1)  # which the takes share, more or less
    shift = _places(joints_m - path_m[:, None])
    transforms[..., :2, 3] += shift[:, None]
    joints_m[..., :2] += shift[:, None]
    if np.ptp(path_m[:, 0, :2], axis=0).max() > _FAR_M:
        points_m = np.concatenate((path_m, joints_m.reshape(length, -1, 3)), 1)
        camera = follow(points_m, FPS, size, FRONT)
    else:
        camera = frame_all(joints_m, size, FRONT)
    return Shot(mannequin_mesh(), transforms, joints_m, camera, size, FPS)


def _held(values: Floats, length: int) -> Floats:
    return np.concatenate((values, np.repeat(values[-1:], length - len(values), axis=0)))


def _places(joints_m: Floats) -> Floats:
    """What each take of `joints_m [S, takes, 24, 3]` is moved by, `[takes, 2]`: side by side, with room."""
    x = joints_m[..., 0]
    middle = np.stack([(values.min((0, 2)) + values.max((0, 2))) / 2 for values in (x, joints_m[..., 1])], 1)
    widths = np.ptp(x, axis=(0, 2)) + _ELBOW_ROOM_M
    centres = np.cumsum(widths) - widths / 2
    places = np.stack((centres - widths.sum() / 2, np.zeros_like(centres)), 1)
    return (places - middle).astype(np.float32)


def _pictures(video: Path | str | None, start_s: float, seconds: float, layout: Layout) -> Generator[Image, None, None]:
    """The video's pictures at their size in the layout, the last one again and again; plain ground without a video.

    They may be one and the same array: not to be drawn on.
    """
    picture = plain_ground(layout.picture)
    if video is not None:
        before = None
        for found in frames(video, FPS, max(layout.picture), start_s, seconds):
            if found is not before:
                before, picture = found, resized(found, layout.picture)
            yield picture
    while True:
        yield picture


def _panel(painter: KeypointPainter, picture: Image, frame: int, layout: Layout) -> Image:
    panel = plain_ground(layout.panel)
    left, top = ((outer - inner) // 2 for outer, inner in zip(layout.panel, layout.picture, strict=True))
    inside = panel[top : top + picture.shape[0], left : left + picture.shape[1]]
    inside[:] = picture
    painter.draw(inside, frame)
    painter.flash(inside, frame)
    draw_caption(panel, painter.caption(frame), max(round(layout.panel[1] * 0.022), 8))
    return panel


def beside(left: Planes, right: Planes) -> Planes:
    """Two pictures of one height, as yuv420p planes, side by side."""
    luma = np.concatenate([planes[: _height(planes)] for planes in (left, right)], 1)
    chroma = [planes[_height(planes) :].reshape(2, _height(planes) // 2, -1) for planes in (left, right)]
    return np.concatenate((luma, np.concatenate(chroma, 2).reshape(-1, luma.shape[1])))


def _height(planes: Planes) -> int:
    return planes.shape[0] * 2 // 3
