"""Every way of filling gaps, measured against the frames that were taken out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.completion.clips import Clip
from completion import CleanUp, Filler, Keeping, Manner, in_fill, slerp_between
from core_vimo.metrics.bootstrap import Estimate, mean_estimate, set_estimate
from core_vimo.metrics.feet import foot_skating
from core_vimo.metrics.in_betweening import (
    border_jerk,
    global_quaternions,
    l2p,
    l2q,
    spectral_error,
    spread_m,
    with_signs_of,
)
from core_vimo.motion import Motion, concatenate
from core_vimo.video_to_motion.video_motion import VideoMotion
from edge_adapter.long_song import SongDancer

Way = Callable[[Clip, int], list[Motion]]
"""(clip, seed) -> the clip with its gap filled, once a take."""

Row = dict[str, Estimate]
TRUTH, SLERP, REPLACED, CLEAN = "ground truth", "slerp", "replacement, ours", "clean frames, ours"

PLAIN = Keeping(clean=False, borders=False, places=False)
"""Eq. 8 and nothing else."""
SHIPPED_CLEAN_UP = CleanUp(smoothing_s=0.033)
"""As the commands have it."""


def ways(
    dancer: SongDancer, takes: int, *, knows_clean: bool, music: bool, watcher: VideoMotion | None = None
) -> dict[str, Way]:
    """By the name of their row. "ours" bends what is made to run on at borders and cleans up, as the commands do.

    Clean frames are shown to models that know them; `watcher` sees the clip filmed, `music` is the clip's own.
    """

    def alone(clip: Clip, seed: int) -> Filler:
        return Filler.alone(dancer, per_frame_timesteps=knows_clean)

    def to_song(clip: Clip, seed: int) -> Filler:
        assert clip.music is not None
        return Filler.to_song(dancer, clip.music, per_frame_timesteps=knows_clean)

    def like_video(clip: Clip, seed: int) -> Filler:
        assert watcher is not None
        return Filler.like_video(watcher, clip.filmed(seed), per_frame_timesteps=watcher.model.per_frame_timesteps)

    def filled(filler: Callable[[Clip, int], Filler], keeping: Keeping, clean_up: CleanUp = SHIPPED_CLEAN_UP) -> Way:
        return lambda clip, seed: in_fill(
            clip.motion, [clip.gap], filler(clip, seed), Manner(seed, takes, keeping, clean_up)
        )

    replaced = Keeping(clean=False)
    found = {
        TRUTH: lambda clip, seed: [clip.motion],
        SLERP: lambda clip, seed: [_interpolated(clip)],
        "replacement (eq. 8)": filled(alone, PLAIN, CleanUp.none()),
        "replacement, bent at borders": filled(alone, replaced, CleanUp.none()),
        REPLACED: filled(alone, replaced),
        "replacement, ours, RePaint 3": filled(alone, Keeping(clean=False, passes=3)),
    }
    if knows_clean:
        found["clean frames"] = filled(alone, replace(PLAIN, clean=True), CleanUp.none())
        found["clean frames, bent at borders"] = filled(alone, Keeping(clean=True), CleanUp.none())
        found[CLEAN] = filled(alone, Keeping(clean=True))
    if music:
        found["default, to its song"] = filled(to_song, Keeping())
    if watcher is not None:
        found["default, like its video"] = filled(like_video, Keeping())
    return found


def _interpolated(clip: Clip) -> Motion:
    before, after = clip.motion[: clip.gap[0]], clip.motion[clip.gap[1] :]
    return concatenate([before, slerp_between(before, after, clip.gap[1] - clip.gap[0]), after])


@dataclass(frozen=True, eq=False)
class Filled:
    """What is measured of one clip, averaged over its takes."""

    numbers: dict[str, float]
    weighted: Tensor
    power: Tensor


def fill(way: Way, clips: Sequence[Clip], deviation_m: Tensor, seed: int) -> list[Filled]:
    """Each clip with a seed of its own. A way that changed a bit of what is known raises AssertionError."""
    return [_filled(way(clip, seed + 1000 * number), clip, deviation_m) for number, clip in enumerate(clips)]


def row(clips: Sequence[Filled], seed: int) -> Row:
    """Each metric with its interval over clips."""
    means = {name: mean_estimate(_column(clips, name), seed, name) for name in clips[0].numbers}
    npss = _npss(clips)
    return {"npss": set_estimate(float(npss(torch.arange(len(clips)))), len(clips), npss, seed, "npss")} | means


def difference(clips: Sequence[Filled], others: Sequence[Filled], seed: int) -> Row:
    """Each metric less that of the same clips filled in another way, the two resampled together."""
    apart = {name: _column(clips, name) - _column(others, name) for name in clips[0].numbers}
    ours, theirs = _npss(clips), _npss(others)

    def npss(chosen: Tensor) -> Tensor:
        return ours(chosen) - theirs(chosen)

    value = float(npss(torch.arange(len(clips))))
    of_set = set_estimate(value, len(clips), npss, seed, "npss", least=-math.inf)
    return {"npss": of_set} | {name: mean_estimate(values, seed, name) for name, values in apart.items()}


def _column(clips: Sequence[Filled], name: str) -> Tensor:
    return torch.tensor([clip.numbers[name] for clip in clips])


def _npss(clips: Sequence[Filled]) -> Callable[[Tensor], Tensor]:
    """From indices of clips `[..., N]` to the NPSS of these, `[...]`."""
    weighted, power = (torch.stack([getattr(clip, name) for clip in clips]) for name in ("weighted", "power"))
    return lambda chosen: weighted[chosen].sum(-1) / power[chosen].sum(-1)


def _filled(takes: Sequence[Motion], clip: Clip, deviation_m: Tensor) -> Filled:
    for take in takes:
        _require_known_kept(take, clip)
    gap = slice(*clip.gap)
    joints_m, true_m = torch.stack([take.joints_m() for take in takes]), clip.motion.joints_m()
    true_turns = global_quaternions(clip.motion.rotations[gap]).expand(len(takes), -1, -1, -1)
    turns = with_signs_of(torch.stack([global_quaternions(take.rotations[gap]) for take in takes]), true_turns)
    skating = foot_skating(joints_m, clip.motion.fps, slice(clip.gap[0] - 1, clip.gap[1]))
    spectrum = spectral_error(turns, true_turns)
    numbers = {
        "l2p": l2p(joints_m[:, gap], true_m[gap].expand_as(joints_m[:, gap]), deviation_m).mean(),
        "l2q": l2q(turns, true_turns).mean(),
        "foot_skate_ratio": skating.foot_skate_ratio.nanmean(),
        "foot_skate_speed": skating.foot_skate_speed.nanmean(),
        "border_jerk": border_jerk(joints_m, true_m, clip.gap).mean(),
        "diversity_m": spread_m(joints_m[:, gap]) if len(takes) > 1 else torch.tensor(torch.nan),
    }
    return Filled({name: float(value) for name, value in numbers.items()}, spectrum.weighted.mean(), spectrum.power[0])


def _require_known_kept(take: Motion, clip: Clip) -> None:
    for known in (slice(0, clip.gap[0]), slice(clip.gap[1], None)):
        for name in ("rotations", "root_m", "contacts"):
            assert torch.equal(getattr(take, name)[known], getattr(clip.motion, name)[known]), f"{clip.name}: {name}"


def markdown(rows: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Ways down, metrics across."""
    metrics = list(next(iter(rows.values())))
    lines = ["| " + " | ".join(["way", *metrics]) + " |", "|---" * (len(metrics) + 1) + "|"]
    lines += [
        "| " + " | ".join([name, *(_shown(row[metric]) for metric in metrics)]) + " |" for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def numbers(rows: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    """For JSON, which has no NaN."""
    return {name: {metric: _strict(asdict(e)) for metric, e in row.items()} for name, row in rows.items()}


def _strict(estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: value if value == value else None for name, value in estimate.items()}


def _shown(e: Estimate) -> str:
    return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" if e.clips else "-"
