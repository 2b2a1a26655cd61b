"""Which windows are kept from training, to test on: whole clips, or the end of each where there are too few."""

from collections.abc import Sequence

from core_vimo.clip_set import SPLITS
from core_vimo.errors import InputError
from core_vimo.formats.sources import matches
from core_vimo.randomness import fold

SHARE = 5
"""One clip in so many, or one part of its time."""

ACROSS = -1
"""The split of windows that lie across the border between both."""

BOTH = "train and test"


def held_out_clips(names: Sequence[str], patterns: Sequence[str]) -> set[str] | None:
    """The names of the test clips: those that fit a pattern, else a fifth, by the hashes of the names.

    None for fewer than five clips without patterns: `split_in_time` then holds out their ends. Raises InputError for
    patterns that fit none or all.
    """
    if patterns:
        fitting = {name for name in names if matches(name, patterns)}
        if len(fitting) in (0, len(names)):
            fit = "none" if not fitting else "every one"
            raise InputError(
                f"--hold-out {' '.join(patterns)}: fits {fit} of the {len(names)} usable clips; "
                "give patterns of some names"
            )
        return fitting
    if len(names) < SHARE:
        return None
    ordered = sorted(names, key=lambda name: fold(name, "hold out"))
    return set(ordered[: round(len(names) / SHARE)])


def split_in_time(start: int, clip_frames: int, window_frames: int, stride: int) -> int:
    """The split of one window: of the last fifth of a clip's time, at least one window, is test.

    Clips shorter than three windows have nothing to spare. Windows start every `stride` frames, and one at the border.
    """
    if not has_an_end_to_spare(clip_frames, window_frames):
        return SPLITS["train"]
    spared = max(clip_frames // SHARE, window_frames)
    border = (clip_frames - spared) // stride * stride
    if start >= border:
        return SPLITS["test"]
    return SPLITS["train"] if start + window_frames <= border else ACROSS


def has_an_end_to_spare(clip_frames: int, window_frames: int) -> bool:
    """Whether a clip's end can be held out and most of it is still learned from."""
    return clip_frames >= 3 * window_frames
