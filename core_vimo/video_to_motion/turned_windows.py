"""Windows of one timeline whose guesses differ by unknown turns about the up axis.

A video-to-motion model's output faces the camera of its window's first frame. Where the camera moves, or the film was
cut, neighbouring windows therefore show one body in two directions. The timeline lies in the first window's frame;
every other window has an angle, found at each step from the frames it shares with the windows before it, by which its
part of the timeline is turned before it is denoised, and its guess turned back. Noise looks the same in every
direction, so a turned part is a sample as good as the part itself.

Shapes: `K` timelines of `S` frames denoised together, `W` windows of `L` frames, `P` floor pairs of a codec.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from core_vimo.codec import MotionCodec
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError

Pairs = Sequence[tuple[int, int]]


def tied_up_to_a_turn(denoise_windows: Denoiser, windows: Windows, codec: MotionCodec, finding: int) -> Denoiser:
    """A denoiser of windows `[W K, L, 151]`, window by window, as one of timelines `[K, S, 151]`; t `[K]` or `[K, S]`.

    The angles are looked for in the first `finding` calls and kept from then on, so the result serves one sampling.
    Raises InputError for a codec that can't be turned (`turnable`), unless there is but one window.
    """
    pairs = turnable(codec) if len(windows) > 1 else []
    angles: Tensor | None = None
    calls = 0

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        nonlocal angles, calls
        parts = _cut(windows, x)
        if angles is None:
            angles = x.new_zeros(parts.shape[:2])
        times = t.expand(len(windows), -1) if t.ndim == 1 else _cut(windows, t)
        parts = turned(parts, -angles, pairs)
        guess = denoise_windows(parts.flatten(0, 1), times.flatten(0, 1)).view_as(parts)
        del parts  # of a long video it is as large as everything else together
        if calls < finding and pairs:
            angles = headings_between(guess, windows, codec)
        calls += 1
        joined = windows.join(turned(guess, angles, pairs).transpose(1, 2).flatten(2))
        return joined.unflatten(1, (len(x), -1)).transpose(0, 1)

    return denoise


def turnable(codec: MotionCodec) -> list[tuple[int, int]]:
    """The pairs that a turn mixes. Raises InputError where the codec's ranges hang on the heading, or it knows places.

    A turn is exact where both channels of a pair have one scale and no offset: `MotionCodec.fit(…, any_heading=True)`.
    """
    pairs = codec.floor_pairs()
    x, y = torch.tensor(pairs).T
    round_ranges = torch.equal(codec.scale[x], codec.scale[y]) and not codec.offset[torch.cat((x, y))].any()
    if codec.root != "velocity" or not round_ranges:
        raise InputError(
            "this model's codec can't be turned about the up axis, which videos longer than a window need; "
            "train with a codec of root velocities that was fitted to any heading"
        )
    return pairs


def turned(x: Tensor, radians: Tensor, pairs: Pairs) -> Tensor:
    """Normalised motions `[..., S, 151]` turned about the up axis by `radians [...]`, counter-clockwise from above."""
    if not pairs:
        return x
    across, along = torch.tensor(pairs, device=x.device).T
    cos, sin = radians.cos()[..., None, None], radians.sin()[..., None, None]
    result = x.clone()
    result[..., across] = cos * x[..., across] - sin * x[..., along]
    result[..., along] = sin * x[..., across] + cos * x[..., along]
    return result


def headings_between(guess: Tensor, windows: Windows, codec: MotionCodec) -> Tensor:
    """By how much to turn each window so that it heads as those before it do where they share frames, radians `[W, K]`.

    `guess [W, K, L, 151]`. It is the turn of least squares between the pelvis' horizontal axes: the circular mean of
    the differences in heading, weighted by horizontal length and by how much both windows know of the frame. The first
    window's is 0.
    """
    arrows = _pelvis_arrows(guess, codec)
    middle = torch.hann_window(windows.length + 2, periodic=False, dtype=guess.dtype, device=guess.device)
    arrows = arrows * middle[1:-1, None]
    before = arrows.new_zeros(arrows.shape[1], windows.frames, arrows.shape[-1])
    angles = [guess.new_zeros(guess.shape[1])]
    for window, arrow in enumerate(arrows):  # each is turned to those before it, which must have been turned first
        span = windows.span(window)
        if window:
            angles.append((before[:, span] * arrow.conj()).sum((1, 2)).angle())
        before[:, span] += arrow * torch.polar(torch.ones_like(angles[-1]), angles[-1])[:, None, None]
    return torch.stack(angles)


def _pelvis_arrows(x: Tensor, codec: MotionCodec) -> Tensor:
    """The pelvis' axes on the floor, un-normalised, as complex numbers `[..., P-1]`: x real, y imaginary."""
    across, along = torch.tensor(codec.floor_pairs()[1:]).T
    return torch.complex(x[..., across], x[..., along]) / codec.scale[across].to(x)


def _cut(windows: Windows, timelines: Tensor) -> Tensor:
    """`[K, S, ...]` -> `[W, K, L, ...]`."""
    return windows.cut(timelines.transpose(0, 1)).transpose(1, 2)
