"""The reference's pictures: a stick figure in matplotlib's three-dimensional axes, drawn anew for every frame."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core_vimo.skeleton import PARENTS


def stick_figures(joints_m: NDArray[np.float32], pixels: int) -> Iterator[NDArray[np.uint8]]:
    """joints `[S, 24, 3]` metres -> one `[pixels, pixels, 4]` RGBA picture a frame. Needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(pixels / 100, pixels / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="3d")
    middle = joints_m.reshape(-1, 3).mean(axis=0)
    axes.set(xlim=middle[0] + (-1.5, 1.5), ylim=middle[1] + (-1.5, 1.5), zlim=(0, 3))
    bones = [axes.plot([], [], [], linewidth=3)[0] for _ in PARENTS[1:]]
    for frame in joints_m:
        for bone, joint, parent in zip(bones, range(1, len(PARENTS)), PARENTS[1:], strict=True):
            bone.set_data_3d(*frame[[parent, joint]].T)
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba()).copy()
