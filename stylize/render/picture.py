"""Stills of a motion: its poses in one scene, its path and speed, both on one sheet; and a loop for a page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core_vimo.errors import InputError
from core_vimo.motion import Motion, resample, turn
from core_vimo.publish import publish_file
from core_vimo.rotations import FRONT, heading
from stylize.render.camera import Floats, Size
from stylize.render.chart import draw_speed, draw_top_view
from stylize.render.frames import Painter
from stylize.render.framing import frame_all, front_of
from stylize.render.lettering import INK, draw_mask, draw_text, text_mask
from stylize.render.poses import Poses, mannequin_mesh, poses_of
from stylize.render.scene import Image, Scene
from stylize.render.video import shot_of

LOOPS = (".webp", ".gif")
"""What moving pictures without sound are written as."""

_ELBOW_ROOM_M = 0.25
_LONG_LENS = 6.0  # a row is seen from afar, or its ends would be stretched


def write_contact_sheet(motion: Motion, path: Path | str, poses: int = 8, beats_s: Sequence[float] = ()) -> None:
    """Write the sheet a choreographer reads as PNG: `pose_row` above, `path_and_speed` below."""
    motion = _to_audience(motion)
    above = pose_row(motion, poses)
    below = path_and_speed(motion, (above.shape[1], 420), beats_s)
    legend = text_mask("left limbs are orange, right ones green", 16)
    draw_mask(below, legend, below.shape[1] - legend.shape[1] - 40, 18, INK)
    write_png(np.concatenate((above, below)), path)


def pose_row(motion: Motion, poses: int = 8, size: Size = (1920, 540)) -> Image:
    """`poses` moments, evenly from first frame to last, side by side in one scene with their times; `[H, W, 3]`.

    They stand in the order of time, each with its own heading, seen from the audience.
    """
    if not 1 <= poses <= 24:
        raise InputError(f"a row of {poses} poses can't be drawn; ask for 1 to 24")
    times = np.linspace(0, len(motion) - 1, poses).round().astype(int)
    transforms, joints = in_a_row(poses_of(motion), times)
    camera = frame_all(joints, (size[0], round(size[1] * 0.92)), focal=_LONG_LENS)
    scene = Scene(mannequin_mesh(), camera, size, samples=3, shadow_texels=2048, dancers=poses)
    image = scene.draw(transforms, joints)
    for time, x in zip(times, _columns(scene, joints), strict=True):
        draw_text(image, f"{time / motion.fps:.1f} s", int(x), size[1] - round(size[1] * 0.06), round(size[1] * 0.026))
    return image


def in_a_row(posed: Poses, frames: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Transforms `[P, 24, 3, 4]` and joints `[P, 24, 3]` of these frames' poses, side by side along x."""
    transforms, joints = posed.transforms[frames], posed.joints_m[frames]
    shift = _places(joints) - joints[:, 0, :2]
    transforms[:, :, :2, 3] += shift[:, None]
    joints[:, :, :2] += shift[:, None]
    return transforms, joints


def _to_audience(motion: Motion) -> Motion:
    """Turned so that the side it faces most is the audience's."""
    return turn(motion, FRONT - front_of(heading(motion.rotations[:, 0]).numpy()))


def _places(joints: Floats) -> Floats:
    """Where each pelvis goes, `[P, 2]`: in a row along x, as close as the poses' own widths allow."""
    out = joints[:, :, 0] - joints[:, :1, 0]
    left, right = -out.min(1), out.max(1)
    steps = np.maximum(right[:-1] + left[1:], 0.5) + _ELBOW_ROOM_M
    x = np.concatenate(([0.0], np.cumsum(steps)))
    return np.stack((x - x[-1] / 2, np.zeros_like(x)), 1).astype(np.float32)


def _columns(scene: Scene, joints: Floats) -> Floats:
    """The picture column under every dancer's pelvis, `[P]`."""
    on_floor = joints[:, 0] * np.array([1, 1, 0], np.float32)
    return scene.pixels_of(on_floor)[:, 0]


def path_and_speed(motion: Motion, size: Size = (1920, 420), beats_s: Sequence[float] = ()) -> Image:
    """Left, the pelvis's path seen from above; right, how fast the body moves over time, with beats; `[H, W, 3]`."""
    height = size[1]
    canvas = Pillow.new("RGB", (size[0] * 2, height * 2), (250, 249, 247))
    draw_top_view(canvas, (0, 0, round(height * 2.7), height * 2), motion)
    draw_speed(canvas, (round(height * 2.7), 0, size[0] * 2, height * 2), motion, np.asarray(beats_s, float))
    return np.array(canvas.resize(size, Pillow.Resampling.LANCZOS))


def write_teaser(motion: Motion, path: Path | str, size: Size = (360, 360), fps: float = 15.0) -> None:
    """Write the motion as a loop without sound for a page: animated `.webp` or `.gif`, held in memory meanwhile."""
    path = Path(path)
    if path.suffix.lower() not in LOOPS:
        raise InputError(f"{path}: a moving picture is written as .webp or .gif; choose one of these suffixes")
    shot = shot_of(resample(motion, fps), size, fps, follow_dancer=True)
    painter = Painter(shot)
    ends_ms = np.round(np.arange(len(shot) + 1) * 100 / fps) * 10  # GIF counts hundredths of a second
    lengths_ms = np.diff(ends_ms).astype(int).tolist()
    first, *rest = (Pillow.fromarray(painter.image(frame)) for frame in range(len(shot)))
    with publish_file(path) as aside:
        first.save(aside, save_all=True, append_images=rest, duration=lengths_ms, loop=0, quality=75, method=4)


def write_png(image: NDArray[np.uint8], path: Path | str) -> None:
    """Write a picture `[H, W, 3]`."""
    path = Path(path)
    check_png(path)
    with publish_file(path) as aside:
        Pillow.fromarray(image).save(aside)


def check_png(path: Path) -> None:
    """Refuses another suffix, so that callers can ask before long work."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: pictures are written as .png; choose that suffix")
