import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
from scipy.spatial.transform import Rotation

from core_vimo.errors import InputError
from core_vimo.formats.gltf import read_glb, write_glb
from core_vimo.rotations import y_up_to_z_up

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def glb(motion, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "dance.glb"
    write_glb(motion, path, song={"name": "Näcken", "sha256": "00ff", "offset_s": 0.0})
    return path


def test_khronos_validator_has_no_remark_above_information(glb):
    folder = Path(os.environ.get("VIMO_GLTF_VALIDATOR", ROOT / "node_modules" / "gltf-validator")).resolve()
    if not (folder / "package.json").is_file() or shutil.which("node") is None:
        pytest.skip(f"no Khronos validator in {folder}; npm install --no-save gltf-validator")
    script = (
        "const v = require(process.argv[1]);"
        "v.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[2])))"
        ".then(r => console.log(JSON.stringify(r)));"
    )
    done = subprocess.run(["node", "-e", script, str(folder), str(glb)], capture_output=True, text=True, check=True)
    issues = json.loads(done.stdout)["issues"]
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"]


def _accessor(gltf: pygltflib.GLTF2, index: int) -> np.ndarray:
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    kind = {5121: np.uint8, 5125: np.uint32, 5126: np.float32}[accessor.componentType]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
    return np.frombuffer(gltf.binary_blob(), kind, accessor.count * width, view.byteOffset).reshape(-1, width)


def _node_matrices(gltf: pygltflib.GLTF2) -> np.ndarray:
    """World matrices `[S, N, 4, 4]` of all nodes, as a player would compute them."""
    animation = gltf.animations[0]
    frames = gltf.accessors[animation.samplers[0].input].count
    local = np.tile(np.eye(4), (frames, len(gltf.nodes), 1, 1))
    for index, node in enumerate(gltf.nodes):
        local[:, index, :3, 3] = node.translation or 0
    for channel in animation.channels:
        values = _accessor(gltf, animation.samplers[channel.sampler].output)
        if channel.target.path == "rotation":
            local[:, channel.target.node, :3, :3] = Rotation.from_quat(values).as_matrix()
        else:
            local[:, channel.target.node, :3, 3] = values
    world = local.copy()
    todo = list(gltf.scenes[gltf.scene].nodes)
    while todo:
        parent = todo.pop()
        for child in gltf.nodes[parent].children or []:
            world[:, child] = world[:, parent] @ local[:, child]
            todo.append(child)
    return world


def test_another_reader_finds_the_same_joints(glb, motion):
    gltf = pygltflib.GLTF2().load(str(glb))
    joints_yup = torch.as_tensor(_node_matrices(gltf)[:, :24, :3, 3])
    joints_m = joints_yup @ y_up_to_z_up(torch.float64).T
    assert (joints_m - motion.joints_m()).norm(dim=-1).max() < 1e-4


def test_the_skin_at_rest_is_the_mesh(glb):
    """Joint matrices times inverse bind matrices are one translation for all joints: nothing is bent at rest."""
    gltf = pygltflib.GLTF2().load(str(glb))
    inverse = _accessor(gltf, gltf.skins[0].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    rest = np.zeros((24, 3))
    for index, node in enumerate(gltf.nodes[:24]):
        rest[index] += node.translation
        for child in node.children or []:
            rest[child] += rest[index]
    shift = rest + inverse[:, :3, 3]
    np.testing.assert_allclose(shift, shift[:1].repeat(24, 0), atol=1e-6)
    positions = _accessor(gltf, gltf.meshes[0].primitives[0].attributes.POSITION)
    assert (positions + shift[0])[:, 1].min() == pytest.approx(0, abs=1e-3)  # stands on the floor


def test_neighbouring_quaternions_share_a_hemisphere(glb):
    gltf = pygltflib.GLTF2().load(str(glb))
    for channel in gltf.animations[0].channels:
        if channel.target.path == "rotation":
            q = _accessor(gltf, gltf.animations[0].samplers[channel.sampler].output)
            assert (np.einsum("sq,sq->s", q[1:], q[:-1]) > 0).all()


def test_extras_say_rate_unit_axis_skeleton_and_song(glb):
    extras = pygltflib.GLTF2().load(str(glb)).asset.extras
    assert extras["fps"] == 30 and extras["unit"] == "metre" and extras["up"] == "y"
    assert extras["skeleton"] == "SMPL-24" and extras["song"]["name"] == "Näcken"


def test_round_trip(glb, motion):
    back = read_glb(glb)
    assert back.fps == motion.fps
    torch.testing.assert_close(back.rotations, motion.rotations, atol=2e-6, rtol=0)
    torch.testing.assert_close(back.root_m, motion.root_m, atol=1e-6, rtol=0)


def test_one_frame(motion, tmp_path):
    write_glb(motion[:1], tmp_path / "one.glb")
    assert len(read_glb(tmp_path / "one.glb")) == 1


def _edited(glb: Path, tmp_path: Path, edit) -> Path:
    data = glb.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + size])
    edit(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    header = struct.pack("<5I", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    path = tmp_path / "edited.glb"
    path.write_bytes(header + text + rest)
    return path


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["bufferViews"][-1].update(byteOffset=1 << 40),
        lambda d: d["bufferViews"][-1].update(byteOffset=-4),
        lambda d: d["accessors"][-1].update(count=10**12),
        lambda d: d["accessors"][-1].update(count="many"),
        lambda d: d["accessors"][-1].update(byteOffset=8),
        lambda d: d["animations"][0]["samplers"][3].update(output=10**6),
        lambda d: d["animations"].clear(),
        lambda d: d["nodes"][5].update(name="Bone.005"),
        lambda d: d["nodes"][5].update(translation=[0, 1, 0]),
        lambda d: d["asset"]["extras"].update(fps="fast"),
        lambda d: d["asset"]["extras"].update(fps=-3),
        lambda d: d["asset"].pop("extras"),
        lambda d: d.update(nodes={"a": 1}),
    ],
)
def test_refuses_offsets_out_of_range_and_foreign_rigs(glb, tmp_path, edit):
    with pytest.raises(InputError, match=r"edited\.glb"):
        read_glb(_edited(glb, tmp_path, edit))


@pytest.mark.parametrize("length", [0, 3, 11, 19, 500, -1])
def test_refuses_cut_files(glb, tmp_path, length):
    path = tmp_path / "cut.glb"
    path.write_bytes(glb.read_bytes()[:length])
    with pytest.raises(InputError, match=r"cut\.glb"):
        read_glb(path)


def test_refuses_deeply_nested_json(tmp_path):
    text = b"[" * 1_000_000
    header = struct.pack("<5I", 0x46546C67, 2, 28 + len(text), len(text), 0x4E4F534A)
    path = tmp_path / "deep.glb"
    path.write_bytes(header + text + struct.pack("<2I", 0, 0x004E4942))
    with pytest.raises(InputError, match=r"deep\.glb"):
        read_glb(path)
