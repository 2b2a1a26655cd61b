"""A small picture of each window: its body at three moments, side by side, from the audience."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from core_vimo.motion import Motion
from stylize.render.camera import Camera, Size
from stylize.render.framing import frame_all
from stylize.render.picture import in_a_row
from stylize.render.poses import mannequin_mesh, poses_of
from stylize.render.scene import Image, Scene

SIZE: Size = (288, 144)

_MOMENTS = (0.1, 0.5, 0.9)
"""Of the window's time."""
_FOCAL = 6.0  # from afar, as a row is seen without stretching its ends
_COLOURS = 96


def window_pictures(motion: Motion, starts: Sequence[int], frames: int) -> Iterator[Image]:
    """Pictures `[H, W, 3]` of the windows of `frames` frames from each of `starts`."""
    posed, moments = poses_of(motion), np.round(np.array(_MOMENTS) * (frames - 1)).astype(int)
    rows = [in_a_row(posed, start + moments) for start in starts]
    cameras = [frame_all(joints, SIZE, focal=_FOCAL) for _, joints in rows]
    if not cameras:
        return
    eyes = np.concatenate([camera.eyes_m for camera in cameras])
    scene = Scene(
        mannequin_mesh(), Camera(eyes, cameras[0].axes, _FOCAL), SIZE, samples=3, shadow_texels=512, dancers=3
    )
    for number, (transforms, joints) in enumerate(rows):
        yield scene.draw(transforms, joints, number)


def write_small(image: Image, path: Path) -> None:
    """As PNG of few colours, a third of the bytes of all."""
    Pillow.fromarray(image).quantize(_COLOURS, dither=Pillow.Dither.NONE).save(path, optimize=True)
