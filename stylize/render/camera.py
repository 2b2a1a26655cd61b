"""The camera: what the drawing processes need to know of it, and nothing that needs torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Camera:
    """Where it stands in every frame and which way it looks.

    eyes_m `[S, 3]`, or `[1, 3]` where it stands still; axes `[3, 3]`: rows right, up, backwards; focal in shorter
    picture sides.
    """

    eyes_m: Floats
    axes: Floats
    focal: float

    def eye_m(self, frame: int) -> Floats:
        return self.eyes_m[min(frame, len(self.eyes_m) - 1)]

    def lens(self, size: Size) -> Floats:
        """Focal length and centre in pixels, `[3]`."""
        return np.array([self.focal * min(size), size[0] / 2, size[1] / 2], np.float32)
