"""MotionCodec: Motion to and from the normalised tensor a model sees.

| channels | what                                                                     |
|----------|--------------------------------------------------------------------------|
| 0:4      | contacts of left ankle, right ankle, left toe, right toe                 |
| 4:7      | root: position in metres, or horizontal velocity in m/s and height in m  |
| 7:151    | 24 local rotations in 6D, joint j in 7+6j .. 12+6j                       |

A codec belongs to a checkpoint and holds its 6D convention, its root form and its normalisation (EDGE's: each channel
of the training set to [-1, 1]). With velocities a window knows nothing of where on the floor it is, so windows of a
long song can share frames; decoding integrates them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from core_vimo.rotations import SixD, matrix_to_sixd, sixd_to_matrix

CHANNELS = 151
CONTACTS = slice(0, 4)
ROOT = slice(4, 7)
ROTATIONS = slice(7, CHANNELS)

RootForm = Literal["position", "velocity"]


def joint_channels(joint: int) -> slice:
    """The six channels of a joint's rotation."""
    return slice(7 + 6 * joint, 13 + 6 * joint)


class Unpacked(NamedTuple):
    """What a motion vector says: contacts `[..., S, 4]`, root_m `[..., S, 3]`, rotations `[..., S, 24, 3, 3]`."""

    contacts: Tensor
    root_m: Tensor
    rotations: Tensor


@dataclass(frozen=True, eq=False)
class MotionCodec:
    """x = vector * scale + offset, per channel; scale and offset are `[151]`."""

    scale: Tensor
    offset: Tensor
    sixd: SixD = "columns"
    root: RootForm = "velocity"
    fps: float = FPS

    def __post_init__(self) -> None:
        if self.sixd not in get_args(SixD) or self.root not in get_args(RootForm):
            raise InputError(f"a codec of 6D '{self.sixd!s:.20}' and root '{self.root!s:.20}' is not known")
        if not (isinstance(self.fps, int | float) and 0 < self.fps < 10_000):
            raise InputError(f"a codec's frame rate must lie between 0 and 10000, not {self.fps!s:.20}")

    @classmethod
    def fit(
        cls, motions: list[Motion], sixd: SixD = "columns", root: RootForm = "velocity", any_heading: bool = False
    ) -> "MotionCodec":
        """Normalise to [-1, 1] over these motions, which share one frame rate; a constant channel keeps its unit.

        With `any_heading` the ranges are those of the motions turned every way about the up axis.
        """
        rates = {m.fps for m in motions}
        if len(rates) != 1:
            raise InputError(f"a codec needs motions of one frame rate, not {sorted(rates)}; resample them first")
        plain = cls(torch.ones(CHANNELS), torch.zeros(CHANNELS), sixd, root, rates.pop())
        vectors = torch.cat([plain.vector(m) for m in motions])
        low, high = vectors.amin(0), vectors.amax(0)
        for x, y in plain.floor_pairs() if any_heading else ():
            reach = torch.hypot(vectors[:, x], vectors[:, y]).max()
            low[[x, y]], high[[x, y]] = -reach, reach
        span = high - low
        scale = 2 / torch.where(span > 1e-6, span, torch.ones_like(span))
        return cls(scale, -scale * (low + high) / 2, sixd, root, plain.fps)

    def vector(self, motion: Motion) -> Tensor:
        """The motion as un-normalised channels `[S, 151]`."""
        sixd = matrix_to_sixd(motion.rotations, self.sixd).flatten(1)
        return torch.cat((motion.contacts, self._root_channels(motion), sixd), dim=-1)

    def encode(self, motion: Motion) -> Tensor:
        """The motion as normalised channels `[S, 151]`. Raises InputError where the frame rate isn't the codec's."""
        if abs(motion.fps - self.fps) > 1e-3:
            raise InputError(f"the model works at {self.fps:g} fps, the motion has {motion.fps:g}; resample it first")
        return self.normalise(self.vector(motion))

    def decode(self, x: Tensor, start_m: Tensor | None = None) -> Motion:
        """Normalised channels `[S, 151]` to a Motion; beyond [-1, 1] they are clipped, as in EDGE.

        With velocities the first frame stands over `start_m [2]` (the origin where it is not given).
        """
        vector = self.unnormalise(x.detach().to("cpu", torch.float32).clamp(-1, 1))
        contacts, root_m, rotations = self.unpack(vector)
        if start_m is not None:
            root_m = root_m + F.pad(start_m - root_m[0, :2], (0, 1))
        return Motion(rotations, root_m, contacts.clamp(0, 1), self.fps)

    def normalise(self, vector: Tensor) -> Tensor:
        """`[..., 151]`, clipped to [-1, 1]."""
        scale, offset = _range_on(self, vector.device, vector.dtype)
        return (vector * scale + offset).clamp(-1, 1)

    def unnormalise(self, x: Tensor) -> Tensor:
        """`[..., 151]`, without clipping: losses need the gradient beyond the range."""
        scale, offset = _range_on(self, x.device, x.dtype)
        return (x - offset) / scale

    def scale_like(self, values: Tensor) -> Tensor:
        """`scale` where these values are, in their type."""
        return _range_on(self, values.device, values.dtype)[0]

    def unpack(self, vector: Tensor) -> Unpacked:
        """Read un-normalised channels `[..., S, 151]`; differentiable. Velocities are integrated from the origin."""
        sixd = vector[..., ROTATIONS].unflatten(-1, (24, 6))
        return Unpacked(vector[..., CONTACTS], self.root_m(vector), sixd_to_matrix(sixd, self.sixd))

    def root_m(self, vector: Tensor) -> Tensor:
        """The pelvis's path alone, `[..., S, 151]` -> `[..., S, 3]`, as `unpack` reads it."""
        root = vector[..., ROOT]
        return root if self.root == "position" else self._integrate(root)

    def settings(self) -> dict[str, Any]:
        """What `config.yaml` of a bundle says of its codec."""
        return {"sixd": self.sixd, "root": self.root, "fps": self.fps}

    def tensors(self) -> dict[str, Tensor]:
        """What `codec.safetensors` of a bundle holds."""
        return {"scale": self.scale, "offset": self.offset}

    def floor_pairs(self) -> list[tuple[int, int]]:
        """Channels that are the x and y of one horizontal direction, so that a turn about the up axis mixes them.

        The root's comes first, the pelvis's follow.
        """
        first = ROTATIONS.start
        pelvis = [(first, first + 1), (first + 3, first + 4)]
        if self.sixd == "rows":
            pelvis = [(first + k, first + 3 + k) for k in range(3)]
        return [(ROOT.start, ROOT.start + 1), *pelvis]

    def _root_channels(self, motion: Motion) -> Tensor:
        if self.root == "position":
            return motion.root_m
        step = (motion.root_m[1:, :2] - motion.root_m[:-1, :2]) * motion.fps
        # The step after the last frame is unknown; the one before it is the likeliest.
        last = step[-1:] if len(step) else motion.root_m.new_zeros(1, 2)
        return torch.cat((torch.cat((step, last)), motion.root_m[:, 2:]), dim=-1)

    def _integrate(self, root: Tensor) -> Tensor:
        steps = F.pad(root[..., :-1, :2], (0, 0, 1, 0)) / self.fps
        # float64: minutes of float32 sums drift by millimetres.
        travelled = steps.double().cumsum(-2).to(root.dtype)
        return torch.cat((travelled, root[..., 2:]), dim=-1)


@lru_cache(maxsize=32)
def _range_on(codec: MotionCodec, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Scale and offset where the data is, moved there once and not at every step of training."""
    with torch.inference_mode(False):  # a cached inference tensor could never be trained with
        return codec.scale.to(device, dtype), codec.offset.to(device, dtype)
