"""Where one shot ends and the next begins, found while the pictures pass: hard cuts, jump cuts and zooms.

A picture is made of what its forerunner shows, moved a little; after a cut it isn't. So each block of a small grey
picture is looked for near its place in the picture before, and what is left unexplained is compared with what was left
over lately: a fast pan or a dancer's jump has forerunners that were hard to explain too, a cut stands alone.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WIDTH, _HEIGHT = 48, 32
_BLOCK = 8
_REACH = 5  # pixels of the small picture: a pan may cross it in ten frames
_LEAST = 0.2
"""Share of a picture's contrast that a cut leaves unexplained; jump cuts of a person before a wall reach 0.24."""
_STANDS_OUT = 1.8
"""How much more than any of the `_LATELY` steps before."""
_LATELY = 15
_SETTLED = 3  # steps to know before the first cut, and after each
_UNKNOWN = 0.16  # stands for the steps of the last `_LATELY` that are not known yet
_BLANK = 6.0  # grey levels of contrast: black, white and nearly so say nothing
_MEANWHILE = 0.35  # what people may do behind a blank picture
_SAME = 0.004  # a picture shown twice, as slower films are at 30 fps
_FAINT = 0.05
_FLASH = 3  # pictures that a flash may last
_BRIGHTER = 0.97

Grey = NDArray[np.float32]


class ShotFinder:
    """See pictures in order; memory and work per picture are constant.

    Blank pictures are looked past, so black between two moments of one view is no cut. Brightness and contrast don't
    matter, so fades aren't either. A cut from the dark to the bright may be told late, by the length of a flash.
    Dissolves are not found.
    """

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._flashed = 0
        self._lately: deque[float] = deque(maxlen=_LATELY)

    def see(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether this picture `[H, W, 3]` begins a new shot; never true of the first."""
        grey = _grey(rgb)
        if grey.std() < _BLANK:
            self._lately.append(_MEANWHILE)
            return False
        before, self._before = self._before, grey
        if before is None:
            return False
        left = _unexplained(_plain(grey), _plain(before))
        known = len(self._lately)
        usual = max(*self._lately, 0.0, _UNKNOWN if known < _LATELY // 2 else 0.0)
        if known < _SETTLED or left < max(_LEAST, _STANDS_OUT * usual):
            self._lately.append(left)
            self._flashed = 0
            return False
        if self._flashed < _FLASH and _is_flash(grey, before):
            self._flashed += 1
            self._before = before
            return False
        self._flashed = 0
        self._lately.clear()
        return True


def find_cuts(frames: Iterable[NDArray[np.uint8]]) -> tuple[int, ...]:
    """Numbers of the frames, above 0, at which a new shot begins."""
    finder = ShotFinder()
    return tuple(number for number, rgb in enumerate(frames) if finder.see(rgb))


def _grey(rgb: NDArray[np.uint8]) -> Grey:
    """A small grey picture, soft enough that movement by half a pixel changes little."""
    size = _WIDTH, _HEIGHT
    return np.asarray(Image.fromarray(rgb).convert("L").resize(size, Image.Resampling.BILINEAR), np.float32)


def _plain(grey: Grey) -> Grey:
    """Mean 0 and standard deviation 1."""
    return (grey - grey.mean()) / grey.std()


def _is_flash(grey: Grey, before: Grey) -> bool:
    """Brighter nearly everywhere: another view would be darker somewhere."""
    return bool(np.mean(grey >= before) > _BRIGHTER)


def _unexplained(picture: Grey, before: Grey) -> float:
    """Mean difference of each block from the best place near its own in the picture before, over blocks' contrast."""
    if np.abs(picture - before).mean() < _SAME:
        return 0.0
    padded = np.pad(before, _REACH, mode="edge")
    moved = np.lib.stride_tricks.sliding_window_view(padded, picture.shape)
    best = _block_means(np.abs(moved - picture)).min((0, 1))
    flat = _block_means(picture).repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    return float(best.mean() / (np.abs(picture - flat).mean() + _FAINT))


def _block_means(pictures: Grey) -> Grey:
    blocks = pictures.reshape(*pictures.shape[:-2], _HEIGHT // _BLOCK, _BLOCK, _WIDTH // _BLOCK, _BLOCK)
    return blocks.mean((-3, -1))
