"""Motion files made to run something, to fill the memory, or to be read beyond their end."""

import os
import pickle
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from core_vimo.formats import write_motion


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def bvh(frames: str, joints: int = 1, rows: str = "0 0 0\n") -> str:
    chain = "".join(f"JOINT j{i}\n{{\nOFFSET 0 0 0\nCHANNELS 0\n" for i in range(joints))
    root = "HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
    return f"{root}{chain}{'}' * (joints + 1)}\nMOTION\nFrames: {frames}\nFrame Time: 0.033333\n{rows}"


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("attack", ["system", "eval", "nested"])
@pytest.mark.parametrize("suffix", [".pkl", ".pt"])
def test_pickles_run_nothing(protocol, attack, suffix, refused, tmp_path):
    ran = tmp_path / "ran"
    code = Calls(eval, f"open({str(ran)!r}, 'w')")
    calls = {"system": Calls(os.system, f"touch {ran}"), "eval": code, "nested": Calls(map, code, [1])}
    path = tmp_path / f"hostile{suffix}"
    if suffix == ".pt":
        torch.save({"ema_state_dict": calls[attack]}, path, pickle_protocol=max(protocol, 2))
        refused("bundle", path, "--out", tmp_path / "bundle")
    else:
        path.write_bytes(pickle.dumps({"smpl_poses": calls[attack]}, protocol))
        refused("view", path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("frames", "joints", "rows"),
    [
        ("0", 1, ""),
        ("1000000000", 1, "0 0 0\n"),
        ("-1", 1, ""),
        ("2", 1, "0 nan 0\n0 0 0\n"),
        ("1", 1, "1e30 0 0\n"),
        ("1", 100000, "0 0 0\n"),
        ("20000", 4000, "0 0 0\n" * 20000),
    ],
)
def test_bvh_bombs_are_refused_before_memory_is_taken(frames, joints, rows, refused, tmp_path):
    path = tmp_path / "bomb.bvh"
    path.write_text(bvh(frames, joints, rows))
    assert str(path) in refused("view", path)
    assert os.listdir(tmp_path) == ["bomb.bvh"]


def test_an_npz_bomb_in_little_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("poses.npy", "w") as member:
        for _ in range(1100):
            member.write(bytes(1 << 20))
    limit = 6 << 30
    done = subprocess.run(
        [sys.executable, "-m", "stylize", "view", path], capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(path) in done.stderr


def test_object_arrays_and_far_away_dancers(refused, tmp_path):
    np.savez(tmp_path / "object.npz", poses=np.array([os.system], dtype=object), trans=np.zeros((1, 3)))
    refused("view", tmp_path / "object.npz")
    np.savez(tmp_path / "far.npz", poses=np.zeros((40, 72)), trans=np.full((40, 3), 1e8), fps=30)
    assert "100 km" in refused("view", tmp_path / "far.npz")


def test_a_glb_cut_off_or_reaching_beyond_its_end(refused, invented_dance, tmp_path):
    path = tmp_path / "dance.glb"
    write_motion(invented_dance(9, 0), path)
    whole = path.read_bytes()
    for harmed in (whole[:2], whole[:400], whole[:-8], whole.replace(b'"count":9', b'"count":8000000', 1)):
        path.write_bytes(harmed)
        assert str(path) in refused("view", path)


def test_years_of_frames_are_not_resampled(refused, tmp_path):
    np.savez(tmp_path / "slow.npz", poses=np.zeros((999, 72)), trans=np.zeros((999, 3)), fps=1e-4)
    refused("export", tmp_path / "slow.npz", "--fps", 30, "--out", tmp_path / "out")
    refused("export", tmp_path / "slow.npz", "--fps", 0, "--out", tmp_path / "out")
    assert os.listdir(tmp_path) == ["slow.npz"]
