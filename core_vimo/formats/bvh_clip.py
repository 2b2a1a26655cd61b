"""What stands in a BVH file (Biovision hierarchy), any rig: a strict reader into numpy arrays, and its kinematics."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from os import PathLike
from typing import IO

import numpy as np
from numpy.typing import NDArray

from core_vimo.errors import InputError
from core_vimo.formats.bvh_hierarchy import Hierarchy, parse_hierarchy

Source = str | PathLike[str] | IO[bytes] | IO[str]

MAX_BYTES = 1 << 30
MAX_POSES = 1 << 25
"""Joints times frames: two hours at 60 fps of a skeleton with 75. A joint without channels costs a file nothing."""
LARGEST = 1e9
"""In degrees and units of length; what is larger is no movement."""

_AGAIN = "export it as BVH again"
_MOTION_LINE = re.compile(r"^[ \t]*MOTION[ \t\r]*$", re.MULTILINE)
_MOTION_HEAD = re.compile(r"\s*Frames\s*:\s*(\S{1,30})\s+Frame\s+Time\s*:\s*(\S{1,60})[ \t]*\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class BvhClip:
    """A skeleton and its movement in a file's own length unit and axes, joints in file order.

    names: `J` strings; parents `[J]`: -1 for the root, always before their children; offsets `[J, 3]`; channels: `J`
    tuples such as `("xposition", ..., "yrotation")`; end_sites: joint -> offset `[3]` of its End Site;
    rotations `[S, J, 3, 3]` local; root_positions `[S, 3]`; fps; translations: joint -> `[S, 3]` for joints other
    than the root whose bone moves: the bone in each frame, in the place of the joint's offset; file: where it
    was read, for messages.
    """

    names: tuple[str, ...]
    parents: NDArray[np.int64]
    offsets: NDArray[np.float64]
    channels: tuple[tuple[str, ...], ...]
    end_sites: dict[int, NDArray[np.float64]]
    rotations: NDArray[np.float32]
    root_positions: NDArray[np.float64]
    fps: float
    translations: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    file: str = "BVH data"

    def __len__(self) -> int:
        return len(self.root_positions)

    def global_pose(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """World rotations `[S, J, 3, 3]` and positions `[S, J, 3]` of every joint, in the file's unit and axes."""
        turned = self.rotations.copy()
        placed = np.empty(self.rotations.shape[:3])
        placed[:, 0] = self.root_positions
        for joint, parent in enumerate(self.parents[1:], start=1):
            bone = np.broadcast_to(self.translations.get(joint, self.offsets[joint]), placed[:, 0].shape)
            turned[:, joint] = turned[:, parent] @ self.rotations[:, joint]
            placed[:, joint] = placed[:, parent] + np.einsum("sij,sj->si", turned[:, parent], bone)
        return turned, placed


def read_bvh_clip(source: Source) -> BvhClip:
    """Read a BVH file, given as a path or as an open file (bytes or text).

    Any channel order and number per joint, any white space. Strict: raises InputError naming the file where the
    text isn't BVH, is cut off, holds NaN, or claims more joints or frames than it has (found out before
    anything of the claimed size is allocated).

    The root's position channels take the place of its OFFSET. Programs differ on whether those of another joint
    replace its OFFSET or add to it: they replace it where their median over the frames is nearer to the OFFSET
    than to zero, and add to it otherwise.
    """
    file = str(source) if isinstance(source, str | PathLike) else str(getattr(source, "name", "BVH data"))
    text = _read_text(source, file)
    motion_line = _MOTION_LINE.search(text)
    if motion_line is None:
        raise InputError(f"{file}: not a BVH file (it has no MOTION section); {_AGAIN}")
    hierarchy = parse_hierarchy(text[: motion_line.start()], file)
    values, fps = _read_motion(text, motion_line.end(), sum(map(len, hierarchy.channels)), file)
    if len(values) * len(hierarchy.names) > MAX_POSES:
        raise InputError(
            f"{file}: {len(values)} frames of {len(hierarchy.names)} joints are too many; cut it into shorter clips"
        )
    return _clip(hierarchy, values, fps, file)


def _read_text(source: Source, file: str) -> str:
    try:
        if isinstance(source, str | PathLike):
            with open(source, "rb") as handle:
                data: bytes | str = handle.read(MAX_BYTES + 1)
        else:
            data = source.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise InputError(f"{file}: cannot be read ({reason}); check the path") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{file}: larger than 1 GiB; cut it into shorter clips")
    return data if isinstance(data, str) else data.decode("latin-1")  # joint names may hold any byte


def _read_motion(text: str, start: int, channels: int, file: str) -> tuple[NDArray[np.float64], float]:
    """The numbers `[S, channels]` and frames a second."""
    head = _MOTION_HEAD.match(text, start)
    if head is None:
        raise InputError(f"{file}: its MOTION section has no 'Frames:' and 'Frame Time:'; {_AGAIN}")
    frames = int(head[1]) if head[1].isascii() and head[1].isdecimal() else 0
    if frames < 1:
        raise InputError(f"{file}: it has no frames ('Frames: {head[1]}'); export it with its animation")
    if channels == 0:
        raise InputError(f"{file}: none of its joints has channels, so nothing moves; {_AGAIN}")
    if 2 * frames * channels - 1 > len(text) - head.end():
        raise InputError(f"{file}: it claims {frames} frames of {channels} numbers but is too short; {_AGAIN}")
    values = _numbers(text[head.end() :], file)
    if len(values) != frames * channels:
        raise InputError(
            f"{file}: {frames} frames of {channels} numbers are due, but it holds {len(values)} numbers; {_AGAIN}"
        )
    return values.reshape(frames, channels), _frame_rate(head[2], file)


def _numbers(text: str, file: str) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy 2.4 only warns of text that is no number
        try:
            values = np.fromstring(text, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise InputError(f"{file}: something other than numbers stands among its frames; {_AGAIN}") from error
    if not (np.abs(values) < LARGEST).all():
        raise InputError(
            f"{file}: it holds numbers that are not finite (NaN or infinity) or far too large; clean it up and {_AGAIN}"
        )
    return values


def _frame_rate(frame_time: str, file: str) -> float:
    """Frames a second; a whole rate where it fits the digits given: `.0083333` means 1/120, not 120.0005 fps."""
    try:
        seconds = Decimal(frame_time)
        last_digit = Decimal(1).scaleb(int(seconds.as_tuple().exponent))
    except (InvalidOperation, ValueError) as error:
        raise InputError(f"{file}: its Frame Time '{frame_time}' is not a number of seconds; {_AGAIN}") from error
    if not Decimal("1e-4") < seconds < 60:
        raise InputError(f"{file}: its Frame Time of {frame_time} seconds cannot be right; {_AGAIN}")
    whole = round(1 / seconds)
    if whole and abs(1 / Decimal(whole) - seconds) < last_digit:
        return float(whole)
    return float(1 / seconds)


def _clip(hierarchy: Hierarchy, values: NDArray[np.float64], fps: float, file: str) -> BvhClip:
    offsets = np.array(hierarchy.offsets)
    ends = np.cumsum([len(c) for c in hierarchy.channels])
    columns = [values[:, end - len(c) : end] for c, end in zip(hierarchy.channels, ends, strict=True)]
    translations = {
        joint: _bone(offsets[joint], names, numbers, root=joint == 0)
        for joint, (names, numbers) in enumerate(zip(hierarchy.channels, columns, strict=True))
        if any("position" in name for name in names)
    }
    root_positions = translations.pop(0, np.broadcast_to(offsets[0], (len(values), 3)))
    return BvhClip(
        names=tuple(hierarchy.names),
        parents=np.array(hierarchy.parents),
        offsets=offsets,
        channels=tuple(hierarchy.channels),
        end_sites=hierarchy.end_sites,
        rotations=_rotations(hierarchy.channels, columns),
        root_positions=root_positions,
        fps=fps,
        translations=translations,
        file=file,
    )


def _bone(
    offset: NDArray[np.float64], names: Sequence[str], numbers: NDArray[np.float64], root: bool
) -> NDArray[np.float64]:
    """A joint's own position channels as its bone in each frame `[S, 3]`."""
    position = np.zeros((len(numbers), 3))
    given = np.zeros(3, dtype=bool)
    for name, column in zip(names, numbers.T, strict=True):
        if "position" in name:
            position[:, "xyz".index(name[0])] = column
            given["xyz".index(name[0])] = True
    usual = np.median(position, axis=0)
    replaces = root or np.linalg.norm(usual - offset) < np.linalg.norm(usual)
    return np.where(given & replaces, position, offset + position)


def _rotations(channels: Sequence[Sequence[str]], columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Euler degrees to `[S, J, 3, 3]`: one product of matrices per channel order, not per joint."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (len(columns[0]), len(columns), 1, 1))
    by_order: dict[str, list[int]] = {}
    for joint, names in enumerate(channels):
        by_order.setdefault("".join(n[0] for n in names if "rotation" in n), []).append(joint)
    for order, joints in by_order.items():
        if order:
            turning = [[k for k, n in enumerate(channels[j]) if "rotation" in n] for j in joints]
            degrees = np.stack([columns[j][:, k] for j, k in zip(joints, turning, strict=True)], axis=1)
            rotations[:, joints] = euler_to_matrix(degrees, order)
    return rotations


def euler_to_matrix(degrees: NDArray[np.float64], order: str) -> NDArray[np.float64]:
    """`[..., n]` degrees about the axes of `order` (as `"zxy"`), composed left to right: `[..., 3, 3]`."""
    product = np.broadcast_to(np.eye(3), (*degrees.shape[:-1], 3, 3))
    for axis, angle in zip(order, np.moveaxis(np.radians(degrees), -1, 0), strict=True):
        product = product @ _about(axis, angle)
    return product


def _about(axis: str, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    x = "xyz".index(axis)
    y, z = (x + 1) % 3, (x + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., x, x] = 1
    matrix[..., y, y] = matrix[..., z, z] = np.cos(angle)
    matrix[..., z, y] = np.sin(angle)
    matrix[..., y, z] = -matrix[..., z, y]
    return matrix
