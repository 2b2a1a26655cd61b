"""All frames of a shot in order, drawn by several processes.

Each process gets the shot once and draws frames by number, so the result doesn't depend on how many there are. Frames
travel as the encoder's yuv420p planes: half the bytes of RGB, converted where there are many hands. They come through
the pool's pipes (about a millisecond for a 720p frame) rather than shared memory, which a killed parent would leave
behind.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from core_vimo.errors import InputError
from stylize.render.camera import Camera, Floats, Size
from stylize.render.lettering import Overlay
from stylize.render.scene import Image, Look, Mesh, Scene

Planes = NDArray[np.uint8]
"""`[H * 3 / 2, W]`: luma above, then both chroma planes, as PyAV lays out yuv420p."""

_AHEAD = 4  # frames a process may be ahead of the encoder
_MOST_WORKERS = 61  # what Windows can wait for
_WORTH_A_POOL = 90  # frames; below this starting processes takes longer than drawing


@dataclass(frozen=True, eq=False)
class Shot:
    """What is drawn: transforms `[S, dancers, 24, 3, 4]`, joints_m `[S, dancers, 24, 3]`, seen by a camera."""

    mesh: Mesh
    transforms: Floats
    joints_m: Floats
    camera: Camera
    size: Size
    fps: float
    overlay: Overlay | None = None
    look: Look = field(default_factory=Look)

    def __len__(self) -> int:
        return len(self.transforms)


class Painter:
    """Draws any frame of one shot."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        dancers = shot.transforms.shape[1]
        self._scene = Scene(shot.mesh, shot.camera, shot.size, shot.look, dancers=dancers)

    def image(self, frame: int) -> Image:
        """Frame `[H, W, 3]` uint8 sRGB, overlay included."""
        shot = self._shot
        image = self._scene.draw(shot.transforms[frame], shot.joints_m[frame], frame)
        if shot.overlay is not None:
            shot.overlay(image, frame / shot.fps)
        return image

    def planes(self, frame: int) -> Planes:
        return to_planes(self.image(frame))


def to_planes(image: Image) -> Planes:
    """RGB to yuv420p in BT.709, limited range: what players assume of such a video."""
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    converted = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    return converted.to_ndarray().astype(np.uint8, copy=False)


def draw_frames(shot: Shot, workers: int | None = None) -> Generator[Planes, None, None]:
    """Every frame in order. workers: processes that draw (default: one a core, at most 8; one where it's a short shot).

    Closing the iterator (or an error, or Ctrl-C) ends the processes. Raises InputError when one dies.
    """
    painter = Painter(shot)
    first = painter.planes(0)  # compiles the kernels here and once, before several processes need them
    workers = _default_workers(len(shot)) if workers is None else min(workers, _MOST_WORKERS)
    if workers <= 1:
        yield first
        yield from map(painter.planes, range(1, len(shot)))
        return
    yield from _pooled(shot, workers)


def _default_workers(frames: int) -> int:
    return 1 if frames < _WORTH_A_POOL else min(os.cpu_count() or 1, 8)


def _pooled(shot: Shot, workers: int) -> Generator[Planes, None, None]:
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (shot,))
    waiting: deque[Future[Planes]] = deque()
    try:
        for frame in range(len(shot)):
            waiting.append(pool.submit(_planes, frame))
            if len(waiting) > workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process that draws frames was ended from outside (often for want of memory); "
            "try again with fewer workers or a smaller size"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_painter: Painter | None = None  # of this process, once it has begun


def _begin(shot: Shot) -> None:
    """Ctrl-C is the parent's to handle; a parent that was killed takes its drawing processes with it."""
    global _painter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _painter = Painter(shot)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _planes(frame: int) -> Planes:
    assert _painter is not None
    return _painter.planes(frame)
