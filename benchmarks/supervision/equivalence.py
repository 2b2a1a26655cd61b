"""Whether a loss in pixels is one in metres: held-out motions, wrong in known ways, through cameras all round.

Of every wrong motion the 2D loss through each camera, and its mean over all of them, is set against the 3D loss of the
same points; for each power of depth, per joint and per clip.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import Table, digits, machine
from benchmarks.supervision.equivalence_picture import draw
from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.losses import motion_losses
from core_vimo.losses_2d import Settings2D, reprojection_losses
from core_vimo.motion import Motion, turn
from core_vimo.motion_store import data_hash
from core_vimo.publish import publish_file
from core_vimo.randomness import fold, generator, normal
from core_vimo.rotations import axis_angle_to_matrix
from core_vimo.seen import Seen, seen_with
from core_vimo.video_to_motion.held_out import clips_of, spread_over
from core_vimo.video_to_motion.motion_set import MotionSet

RESULT = "equivalence.json"
SETTINGS = {
    "depth⁰": Settings2D(depth_power=0),
    "depth¹, per clip": Settings2D(depth_power=1, per_joint=False),
    "depth¹, per joint": Settings2D(depth_power=1),
    "depth², per clip": Settings2D(depth_power=2, per_joint=False),
    "depth², per joint": Settings2D(depth_power=2),
}
AS_SET = "depth², per joint"

_NEAREST_M, _FARTHEST_M = 2.0, 8.0
_LOWEST, _HIGHEST = math.radians(-5), math.radians(30)  # pitch; positive looks down
_KNOT_FRAMES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="motions: made by `vimo dataset motions`")
    parser.add_argument("--out", type=Path, default=Path("build/supervision"), help="folder of the tables and the plot")
    parser.add_argument("--windows", type=int, default=12, help="held-out windows, at most (default 12)")
    parser.add_argument("--cameras", type=int, default=32, help="cameras a wrong motion is seen through (default 32)")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    codec = MotionCodec.fit(MotionSet(arguments.data, "train").motions(), any_heading=True)
    clips = spread_over(clips_of(MotionSet(arguments.data, "test")), arguments.windows)
    found = [_measured(wrong, codec, arguments.cameras, arguments.seed) for wrong in _wrong([c.motion for c in clips])]
    made = [_by_error(found), _by_setting(found), _by_term(found)]
    print("", *made, sep="\n\n", flush=True)
    told = {"data": data_hash(arguments.data), "windows": len(clips), "cameras": arguments.cameras}
    command = "python -m benchmarks.supervision " + " ".join(sys.argv[1:])
    facts = machine() | {"command": command} | told | {"seed": arguments.seed}
    _write(arguments.out / RESULT, json.dumps({"facts": facts, "guesses": [_plain(one) for one in found]}) + "\n")
    lines = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    _write((arguments.out / RESULT).with_suffix(".md"), "\n\n".join((lines, *map(str, made))) + "\n")
    draw([_plain(one) for one in found], (arguments.out / RESULT).with_suffix(".png"))
    print(f"\n{arguments.out / RESULT}, .md and .png beside it", flush=True)
    return 0


@dataclass(frozen=True, eq=False)
class Wrong:
    """A motion and one that errs from it: how, and by how much."""

    name: str
    kind: str
    truth: Motion
    guess: Motion


@dataclass(frozen=True, eq=False)
class Found:
    """Of one wrong motion: the 3D loss of the COCO points, m² an axis; by setting, the 2D loss through each camera
    `[K]`, and what it is expected to be with depth², over any azimuth; the cameras' distances `[K]`; and both losses'
    terms, the 2D ones' means over cameras."""

    kind: str
    in_3d: float
    in_2d: dict[str, Tensor]
    expected: Tensor
    distance_m: Tensor
    terms_3d: dict[str, float]
    terms_2d: dict[str, float]


def _wrong(motions: list[Motion]) -> Iterator[Wrong]:
    for number, motion in enumerate(motions):
        for degrees in (3, 10, 25):
            turns = axis_angle_to_matrix(math.radians(degrees) * _smooth(len(motion), number, degrees))
            guess = Motion(motion.rotations @ turns, motion.root_m, motion.contacts)
            yield Wrong(f"{number} {degrees}", f"every joint by some {degrees}°", motion, guess)
        yield Wrong(f"{number} heading", "heading by 20°", motion, _turned_on_the_spot(motion, math.radians(20)))
        yield Wrong(f"{number} late", "0.1 s late", motion[3:], motion[:-3])


def _smooth(frames: int, *key: int) -> Tensor:
    """`[frames, 24, 3]`, about unit normal, wandering over a third of a second."""
    knots = normal((1, 72, max(2, frames // _KNOT_FRAMES)), "wrong", *key)
    between = torch.nn.functional.interpolate(knots, size=frames, mode="linear", align_corners=True)
    return between[0].T.reshape(frames, 24, 3)


def _turned_on_the_spot(motion: Motion, radians: float) -> Motion:
    return Motion(turn(motion, radians).rotations, motion.root_m, motion.contacts)


@torch.no_grad()
def _measured(wrong: Wrong, codec: MotionCodec, cameras: int, seed: int) -> Found:
    x0, x0_hat = codec.encode(wrong.truth), codec.encode(wrong.guess)
    # What a codec clips is no error of the guess: both are as they decode.
    truth, guess = codec.unpack(codec.unnormalise(x0)), codec.unpack(codec.unnormalise(x0_hat))
    decoded = Motion(truth.rotations, truth.root_m, truth.contacts)
    coco_m = coco_joints_m(truth.rotations, truth.root_m)
    placed, distance_m, pitch = _cameras(decoded, cameras, fold(seed, wrong.name))
    seen = [_seen(coco_m, camera) for camera in placed]
    batch = seen_with(x0, codec, decoded, 0.0, seen, torch.zeros(cameras))
    batch = {name: value[:, None] for name, value in batch.items()} | {"x": x0.expand(cameras, -1, -1)}
    many = x0_hat.expand(cameras, -1, -1)
    losses = {name: reprojection_losses(many, batch, codec, settings) for name, settings in SETTINGS.items()}
    root_m = torch.cat((truth.root_m[:, :2], guess.root_m[:, 2:]), dim=-1)
    error = (coco_joints_m(guess.rotations, root_m) - coco_m).square().mean((0, 1))
    return Found(
        wrong.kind,
        float(error.mean()),
        {name: terms["reprojection"] for name, terms in losses.items()},
        _expected(error, pitch),
        distance_m,
        {name: float(term) for name, term in motion_losses(x0_hat[None], x0[None], codec).items()},
        {name: float(term.mean()) for name, term in losses[AS_SET].items()},
    )


def _expected(error: Tensor, pitch: Tensor) -> Tensor:
    """Mean square of a picture's axis, over all azimuths at a pitch `[K]`, of an error with mean squares `[3]`: at eye
    height half of what is horizontal goes to the one axis, what is upright to the other."""
    level, upright = error[:2].sum() / 2, error[2]
    return (level + upright * pitch.cos().square() + level * pitch.sin().square()) / 2


def _seen(coco_m: Tensor, camera: Camera) -> Seen:
    xy = camera.project(coco_m).xy
    return Seen(torch.cat((xy, torch.ones_like(xy[..., :1])), dim=-1), torch.zeros(len(xy), dtype=torch.bool), camera)


def _cameras(motion: Motion, count: int, key: int) -> tuple[list[Camera], Tensor, Tensor]:
    """Cameras that stand still: azimuths spread evenly from a drawn one; distances (from where the dancer comes
    nearest) and pitches drawn, which are returned too."""
    draw = generator(key, "cameras")
    azimuth = 2 * math.pi * (torch.arange(count) + torch.rand((), generator=draw)) / count
    nearest_m = _NEAREST_M * (_FARTHEST_M / _NEAREST_M) ** torch.rand(count, generator=draw)
    pitch = _LOWEST + (_HIGHEST - _LOWEST) * torch.rand(count, generator=draw)
    middle_m = motion.root_m.mean(0)
    distance_m = nearest_m + (motion.root_m - middle_m).norm(dim=-1).max()
    away = torch.stack((azimuth.cos() * pitch.cos(), azimuth.sin() * pitch.cos(), pitch.sin()), dim=-1)
    eyes_m = middle_m + distance_m[:, None] * away
    cameras = [Camera.look_at(eye[None], middle_m[None], 1000.0, (1080, 1920)) for eye in eyes_m]
    return cameras, distance_m, pitch


def _by_setting(found: list[Found]) -> Table:
    rows = []
    for name in SETTINGS:
        alone = torch.stack([one.in_2d[name] / one.in_3d for one in found])
        mean = torch.tensor([float(one.in_2d[name].mean()) / one.in_3d for one in found])
        in_2d = torch.stack([one.in_2d[name] for one in found])
        in_3d = torch.tensor([one.in_3d for one in found])
        rows.append(
            (
                name,
                digits(float(mean.mean())),
                digits(float(alone.std() / alone.mean())),
                digits(float(mean.std() / mean.mean())),
                digits(_correlation(in_2d.flatten(), in_3d[:, None].expand_as(in_2d).flatten())),
                digits(_correlation(in_2d.mean(1), in_3d)),
            )
        )
    columns = ("setting", "2D : 3D", "spread, one camera", "spread, all", "correlation, one camera", "correlation, all")
    notes = [
        "2D : 3D is the mean of a guess's 2D loss over all cameras as a share of its 3D loss, both mean squares of an "
        "axis: 1 where they are equal (other powers than 2 aren't metres, so theirs is no share). Spread: deviation of "
        "that share as a part of its mean, over guesses and cameras or over guesses. Correlations are of logarithms."
    ]
    return Table("The 2D loss against the 3D loss", columns, rows, notes)


def _by_error(found: list[Found]) -> Table:
    rows = []
    for kind, those in _by_kind(found).items():
        share = torch.stack([one.in_2d[AS_SET] / one.in_3d for one in those])
        off_mm = 1000 * math.sqrt(3 * sum(one.in_3d for one in those) / len(those))
        expected = torch.stack([one.expected / one.in_3d for one in those])
        shares = (share.mean(), expected.mean(), share.mean(1).std(correction=0), share.std())
        rows.append((kind, digits(off_mm), *(digits(float(value)) for value in shares)))
    columns = ("error", "root mean square (mm)", "2D : 3D", "by the formula", "± windows", "± windows and cameras")
    notes = [
        "By the formula: what is left of the error across the line of sight over all azimuths, (e_z² cos² p + "
        "(e_x² + e_y²)(1 + sin² p) / 2) / 2 at the cameras' pitches p, as a share of the mean square of e's axes."
    ]
    return Table(f"By kind of error ({AS_SET})", columns, rows, notes)


def _by_term(found: list[Found]) -> Table:
    """What a term of one loss weighs in the other: where the weights of `configs/loss/videomdm.yaml` are from."""
    rows = []
    for in_3d, in_2d in (("joints", "reprojection"), ("velocity", "velocity_2d"), ("simple", "alignment")):
        shares = [
            digits(sum(o.terms_3d[in_3d] for o in those) / sum(o.terms_2d[in_2d] for o in those))
            for those in _by_kind(found).values()
        ]
        rows.append((f"{in_3d} / {in_2d}", *shares))
    return Table(f"Terms in 3D as multiples of those in 2D ({AS_SET})", ("terms", *_by_kind(found)), rows)


def _by_kind(found: list[Found]) -> dict[str, list[Found]]:
    return {kind: [one for one in found if one.kind == kind] for kind in dict.fromkeys(one.kind for one in found)}


def _correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack((one.log(), other.log())))[0, 1])


def _plain(found: Found) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "in_3d": found.in_3d,
        "expected": found.expected.tolist(),
        "in_2d": {name: values.tolist() for name, values in found.in_2d.items()},
        "distance_m": found.distance_m.tolist(),
        "terms_3d": found.terms_3d,
        "terms_2d": found.terms_2d,
    }


def _write(path: Path, text: str) -> None:
    with publish_file(path) as aside:
        aside.write_text(text, encoding="utf-8")
