"""GLB: a dance on the mannequin's skin, for Blender, browsers and game engines; and our own files read back.

glTF 2.0 is y-up, metres, quaternions xyzw, matrices column-major, times in seconds, every view on 4 bytes. The skinned
mesh node and the pelvis both stand at the scene's root, as the Khronos validator asks.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core_vimo import __version__
from core_vimo.body import Body, floor_m, mannequin
from core_vimo.errors import InputError
from core_vimo.formats.axes import from_y_up, to_y_up
from core_vimo.motion import Motion
from core_vimo.publish import publish_file
from core_vimo.reading import naming, read_bytes
from core_vimo.rotations import matrix_to_quaternion, quaternion_to_matrix
from core_vimo.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M, rest_joints_m

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_U8, _U32, _FLOAT = 5121, 5125, 5126
_VERTICES, _INDICES = 34962, 34963
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_SKELETON = "SMPL-24"
_BLUE = (0.35, 0.55, 0.85, 1.0)
_AT_ONCE = 1800  # frames
_MESH_NODE = len(JOINT_NAMES)

_Json = dict[str, Any]


def write_glb(motion: Motion, path: Path | str, *, song: _Json | None = None, video: _Json | None = None) -> None:
    """Write a skinned, animated GLB at the motion's rate, interpolated linearly.

    `song` or `video`, JSON-able, is kept in `asset.extras` beside fps, unit, up axis and skeleton. Contacts are not.
    """
    binary = _Binary()
    document = {
        "asset": {"version": "2.0", "generator": f"vimo-suite {__version__}", "extras": _extras(motion, song, video)},
        "scene": 0,
        "scenes": [{"nodes": [0, _MESH_NODE]}],
        "nodes": [*_joint_nodes(), {"name": "mannequin", "mesh": 0, "skin": 0}],
        "meshes": [_mesh(binary, mannequin())],
        "materials": [_material()],
        "skins": [_skin(binary)],
        "animations": [_animation(binary, motion)],
        "accessors": binary.accessors,
        "bufferViews": binary.views,
        "buffers": [{"byteLength": len(binary.data)}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    pieces = (*_chunk(_JSON, text, b" "), *_chunk(_BIN, binary.data, b"\0"))
    with publish_file(path) as aside, aside.open("wb") as file:
        file.write(struct.pack("<3I", _MAGIC, _VERSION, 12 + sum(map(len, pieces))))
        file.writelines(pieces)


def read_glb(path: Path | str) -> Motion:
    """Read a GLB that `write_glb` wrote as a Motion, contacts detected; refuses other rigs with InputError."""
    data = read_bytes(path)
    try:
        document, binary = _chunks(data)
        fps = float(document["asset"]["extras"]["fps"])
        if not _is_ours(document):
            raise InputError(f"{path}: a GLB with another rig; only this suite's GLB, BVH or AMASS npz can be read")
        quaternions, root_m = _tracks(document, binary)
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: no dance that this suite wrote; give BVH or AMASS npz instead") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a sound GLB file ({error}); take a fresh copy") from error
    rotations = quaternion_to_matrix(torch.as_tensor(quaternions, dtype=torch.float64))
    with naming(path):
        return from_y_up(rotations, torch.as_tensor(root_m, dtype=torch.float64), fps)


class _Binary:
    """The BIN chunk as it grows, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[_Json] = []
        self.accessors: list[_Json] = []

    def add(
        self, array: NDArray[Any], kind: str, component: int = _FLOAT, *, target: int = 0, bounds: bool = False
    ) -> int:
        """Append `[N]` or `[N, width]` values; the accessor's index."""
        array = np.ascontiguousarray(array)
        self.data.extend(b"\0" * (-len(self.data) % 4))
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        self.views.append(view | ({"target": target} if target else {}))
        self.data.extend(array.tobytes())
        accessor = {
            "bufferView": len(self.views) - 1, "componentType": component, "count": len(array), "type": kind
        }  # fmt: skip
        if bounds:
            accessor |= {"min": np.atleast_1d(array.min(0)).tolist(), "max": np.atleast_1d(array.max(0)).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _chunk(kind: int, data: bytes | bytearray, padding: bytes) -> tuple[bytes, bytes | bytearray, bytes]:
    """Head, data and what fills it up to 4 bytes: hours of movement are not copied to be put together."""
    filling = padding * (-len(data) % 4)
    return struct.pack("<2I", len(data) + len(filling), kind), data, filling


def _extras(motion: Motion, song: _Json | None, video: _Json | None) -> _Json:
    extras = {"fps": motion.fps, "unit": "metre", "up": "y", "skeleton": _SKELETON}
    return extras | ({"song": song} if song else {}) | ({"video": video} if video else {})


def _joint_nodes() -> list[_Json]:
    """The rest pose, standing on the floor."""
    nodes: list[_Json] = []
    for joint, name in enumerate(JOINT_NAMES):
        children = [child for child, parent in enumerate(PARENTS) if parent == joint]
        node = {"name": name, "translation": REST_OFFSETS_M[joint].tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    nodes[0]["translation"] = [0.0, -floor_m(), 0.0]
    return nodes


def _mesh(binary: _Binary, body: Body) -> _Json:
    used = np.where(body.weights > 0, body.joints, 0).astype(np.uint8)  # a weight of zero must name joint 0
    attributes = {
        "POSITION": binary.add(body.vertices_m, "VEC3", target=_VERTICES, bounds=True),
        "NORMAL": binary.add(body.normals, "VEC3", target=_VERTICES),
        "JOINTS_0": binary.add(used, "VEC4", _U8, target=_VERTICES),
        "WEIGHTS_0": binary.add(body.weights, "VEC4", target=_VERTICES),
    }
    indices = binary.add(body.faces.astype(np.uint32).reshape(-1), "SCALAR", _U32, target=_INDICES)
    return {"name": "mannequin", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}


def _material() -> _Json:
    surface = {"baseColorFactor": list(_BLUE), "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": "mannequin", "pbrMetallicRoughness": surface}


def _skin(binary: _Binary) -> _Json:
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(JOINT_NAMES), 1, 1))
    inverse[:, 3, :3] = -rest_joints_m().numpy()  # column-major: the last row here is the translation
    joints = list(range(len(JOINT_NAMES)))
    return {"joints": joints, "inverseBindMatrices": binary.add(inverse.reshape(-1, 16), "MAT4")}


def _animation(binary: _Binary, motion: Motion) -> _Json:
    """A rotation track for each joint and a translation track for the pelvis."""
    quaternions, root_m = _y_up_quaternions(motion)
    quaternions = _one_hemisphere(quaternions).astype(np.float32)
    times = binary.add((np.arange(len(motion)) / motion.fps).astype(np.float32), "SCALAR", bounds=True)
    tracks = [(joint, "rotation", binary.add(quaternions[:, joint], "VEC4")) for joint in range(len(JOINT_NAMES))]
    tracks.append((0, "translation", binary.add(root_m.astype(np.float32), "VEC3")))
    return {
        "name": "dance",
        "samplers": [{"input": times, "output": output, "interpolation": "LINEAR"} for _, _, output in tracks],
        "channels": [
            {"sampler": sampler, "target": {"node": node, "path": path}}
            for sampler, (node, path, _) in enumerate(tracks)
        ],
    }


def _y_up_quaternions(motion: Motion) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`[S, 24, 4]` and the pelvis `[S, 3]`, a minute at a time: on the way there are several copies in float64."""
    quaternions, root_m = np.empty((len(motion), len(JOINT_NAMES), 4)), np.empty((len(motion), 3))
    for start in range(0, len(motion), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        rotations, places_m = to_y_up(motion[part])
        quaternions[part], root_m[part] = matrix_to_quaternion(rotations).numpy(), places_m.numpy()
    return quaternions, root_m


def _one_hemisphere(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """q and -q turn alike, but a player that blends their components spins the long way between them."""
    flips = np.einsum("sjq,sjq->sj", quaternions[1:], quaternions[:-1]) < 0
    quaternions[1:] *= np.cumprod(np.where(flips, -1.0, 1.0), axis=0)[..., None]
    return quaternions


def _chunks(data: bytes) -> tuple[_Json, bytes]:
    """The JSON document and the BIN chunk."""
    if len(data) < 28:
        raise ValueError("it is cut off")
    magic, version, length = struct.unpack_from("<3I", data)
    if (magic, version) != (_MAGIC, _VERSION) or length != len(data):
        raise ValueError(f"its header says {length} bytes of glTF {version}, the file has {len(data)}")
    size, kind = struct.unpack_from("<2I", data, 12)
    start = 20 + size
    if start + 8 > len(data):
        raise ValueError("it is cut off")
    binary_size, binary_kind = struct.unpack_from("<2I", data, start)
    if (kind, binary_kind) != (_JSON, _BIN) or start + 8 + binary_size > len(data):
        raise ValueError("its two chunks don't fit into it")
    return json.loads(data[20:start]), data[start + 8 : start + 8 + binary_size]


def _is_ours(document: _Json) -> bool:
    nodes = document["nodes"][: len(JOINT_NAMES)]
    if document["asset"]["extras"].get("skeleton") != _SKELETON or [n["name"] for n in nodes] != list(JOINT_NAMES):
        return False
    offsets = np.array([node["translation"] for node in nodes[1:]], np.float64)
    return offsets.shape == (23, 3) and np.allclose(offsets, REST_OFFSETS_M[1:].numpy(), atol=1e-5)


def _tracks(document: _Json, binary: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    """Quaternions `[S, 24, 4]` and pelvis positions `[S, 3]` of the first animation."""
    animation = document["animations"][0]
    outputs = {
        (channel["target"]["node"], channel["target"]["path"]): animation["samplers"][channel["sampler"]]["output"]
        for channel in animation["channels"]
    }
    root_m = _values(document, binary, outputs[0, "translation"], "VEC3")
    tracks = [_values(document, binary, outputs[joint, "rotation"], "VEC4") for joint in range(len(JOINT_NAMES))]
    if {len(track) for track in tracks} != {len(root_m)}:
        raise ValueError("its tracks differ in length")
    quaternions = np.stack(tracks, axis=1)
    length = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    if not np.allclose(length, 1, atol=1e-3):
        raise ValueError("its rotations are no unit quaternions")
    return quaternions / length, root_m


def _values(document: _Json, binary: bytes, index: int, kind: str) -> NDArray[np.float64]:
    """An accessor's floats `[count, width]`, every offset checked against the view and the view against the chunk."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    if (accessor["componentType"], accessor["type"]) != (_FLOAT, kind) or "byteStride" in view:
        raise TypeError("not the layout that write_glb uses")
    width, count = _WIDTHS[kind], _size(accessor["count"])
    begin, within = _size(view.get("byteOffset", 0)), _size(accessor.get("byteOffset", 0))
    held = _size(view["byteLength"])
    if within + 4 * width * count > held or begin + held > len(binary) or not count:
        raise ValueError(f"accessor {index} reaches beyond its buffer")
    values = np.frombuffer(binary, "<f4", width * count, begin + within).reshape(count, width)
    if not np.isfinite(values).all():
        raise ValueError(f"accessor {index} holds NaN or infinity")
    return values.astype(np.float64)


def _size(number: Any) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"a size of {str(number)[:20]}")
    return number
