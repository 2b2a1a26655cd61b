"""A little AIST++: two dances in its exact layout, whose keypoints are what its cameras would see."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.formats.axes import to_y_up
from core_vimo.motion import Motion, resample, turn
from core_vimo.motion_store import FPS
from core_vimo.rotations import matrix_to_axis_angle, y_up_to_z_up
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set

SCALING = 93.77
VIEWS = 9
SIZE = (1920, 1080)


def surrounding_cameras(motion: Motion) -> list[Camera]:
    """Nine cameras about 4 m from the dancer's first place, all round."""
    angles = torch.arange(VIEWS) * 2 * torch.pi / VIEWS
    middle = motion.root_m[:1]
    eyes = [middle + torch.tensor([[4 * torch.sin(a), -4 * torch.cos(a), 0.3]]) for a in angles]
    return [Camera.look_at(eye, middle, 1400.0, SIZE) for eye in eyes]


def write_camera_setting(path: Path, cameras: list[Camera]) -> None:
    """In AIST++'s y-up centimetres; shuffled, since only the names say which is which."""
    turned = y_up_to_z_up()
    listed = [
        {
            "name": f"c{number + 1:02d}",
            "size": list(SIZE),
            "matrix": camera.intrinsics[0].tolist(),
            "rotation": matrix_to_axis_angle(camera.R_camera_world[0] @ turned).tolist(),
            "translation": (camera.t_camera_m[0] * SCALING).tolist(),
            "distortions": [0.0, 0.0, 0.0, 0.0, 0.0],
        }
        for number, camera in enumerate(cameras)
    ]
    path.write_text(json.dumps(listed[3:] + listed[:3]))


def pickled(content: dict[str, object], core: str = "core", protocol: int = 4) -> bytes:
    """As numpy 1 (`core`) or numpy 2 (`_core`) writes it."""
    data = pickle.dumps(content, protocol=min(protocol, 3))  # text opcodes without lengths, so a name can be exchanged
    ours, other = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    data = data.replace(ours, other)
    return data.replace(other, ours) if core == "_core" else data


def write_dance(root: Path, name: str, motion: Motion, setting: str, core: str) -> list[Camera]:
    fast = resample(motion, 60.0)
    rotations, root_m = to_y_up(fast)
    content = {
        "smpl_poses": matrix_to_axis_angle(rotations).reshape(-1, 72).numpy(),
        "smpl_trans": (root_m * SCALING).numpy(),
        "smpl_scaling": np.array([SCALING]),
    }
    (root / "motions" / f"{name}.pkl").write_bytes(pickled(content, core))
    cameras = surrounding_cameras(motion)
    seen = torch.stack([camera.project(coco_joints_m(fast.rotations, fast.root_m)).xy for camera in cameras])
    keypoints = torch.cat((seen, torch.full_like(seen[..., :1], 0.9)), dim=-1).double().numpy()
    scores = np.full(keypoints.shape[:2], 0.98)
    keypoints[1, 20:30, 5] = np.nan
    scores[2, :40] = np.nan
    keypoints[3, :, :, 2] = 0.1
    timestamps = np.arange(len(fast)) * 1e6 / 60
    content = {"keypoints2d": keypoints, "det_scores": scores, "timestamps": timestamps}
    (root / "keypoints2d" / f"{name}.pkl").write_bytes(pickled(content, core))
    write_camera_setting(root / "cameras" / f"{setting}.json", cameras)
    return cameras


@pytest.fixture(scope="session")
def aist_folder(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    root = tmp_path_factory.mktemp("aist") / "aist_plusplus_final"
    for folder in ("motions", "keypoints2d", "cameras", "splits"):
        (root / folder).mkdir(parents=True)
    names = ("gBR_sBM_cAll_d04_mBR0_ch02", "gWA_sFM_cAll_d27_mWA2_ch21", "gLO_sBM_cAll_d13_mLO1_ch01")
    for number, (name, core) in enumerate(zip(names, ("core", "_core", "core"), strict=True)):
        write_dance(root, name, turn(invented_dance(320, number), 0.7), f"setting{number + 1}", core)
    lines = [f"{name} setting{number + 1}" for number, name in enumerate(names)]
    (root / "cameras" / "mapping.txt").write_text("\n".join(lines) + "\n")
    (root / "ignore_list.txt").write_text(f"{names[2]}\n")
    (root / "splits" / "crossmodal_train.txt").write_text(f"{names[0]}\n")
    (root / "splits" / "crossmodal_val.txt").write_text("gJB_sBM_cAll_d07_mJB3_ch05\n")
    (root / "splits" / "crossmodal_test.txt").write_text(names[1].replace("cAll", "c01") + "\n")
    return root


@pytest.fixture(scope="session")
def motion_folder(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    folder = tmp_path_factory.mktemp("motions") / "set"
    lengths = (200, 170, 90, 160)
    motions = [
        StoredMotion(
            f"walk{key}", invented_dance(frames, key), source="invented", split="test" if key == 3 else "train"
        )
        for key, frames in enumerate(lengths)
    ]
    assert all(stored.motion.fps == FPS for stored in motions)
    write_motion_set(motions, folder)
    return folder
