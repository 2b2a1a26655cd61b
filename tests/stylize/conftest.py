"""A song, and a dance made for it by the command; what was seen of somebody, and a model for it."""

import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.coco_body import coco_joints_m
from core_vimo.evidence import EVIDENCE
from core_vimo.footage import Footage, write_footage
from core_vimo.pose2d import Pose2D
from edge_adapter.audio import write_audio
from edge_adapter.dance_data import fit_codec
from edge_adapter.sequencer import make_score, render
from stylize.cli import main


@pytest.fixture(scope="session")
def song(tmp_path_factory):
    """Nine seconds of pop at 120."""
    track = render(make_score(1, 9.0, "pop", 120.0), 22050)
    path = tmp_path_factory.mktemp("songs") / "my song.wav"
    write_audio(path, track.samples, track.rate)
    return path


@pytest.fixture(scope="session")
def made(song, tiny_bundle, tmp_path_factory):
    """(its folder, with two takes; the options it was made with)"""
    out = tmp_path_factory.mktemp("made") / "dance"
    options = ["--bundle", str(tiny_bundle), "--steps", "3", "--seconds", "6", "--start", "1", "--size", "96x96"]
    assert main(["dance", str(song), "--out", str(out), "--takes", "2", *options]) == 0
    return out, options


@pytest.fixture(scope="session")
def vimo_bundle(tmp_path_factory, invented_dance):
    """A video-to-motion model of random weights."""
    from core_vimo.video_to_motion.build import KIND
    from core_vimo.video_to_motion.network import ViMo, ViMoConfig

    model = {"latent": 16, "feed_forward": 32, "blocks": 1, "heads": 2}
    torch.manual_seed(0)
    config = {
        "kind": KIND,
        "model": model,
        "evidence": EVIDENCE,
        "diffusion": {"name": "cosine", "steps": 100},
    }
    folder = tmp_path_factory.mktemp("bundle") / "tiny_vimo"
    Bundle(ViMo(ViMoConfig(**model)).state_dict(), config, fit_codec([invented_dance(300, 0)]), "# Tiny\n").save(folder)
    return folder


@pytest.fixture(scope="session")
def keypoints():
    """Motion -> what a camera in front of it sees, `[S, 17, 3]`."""
    return _keypoints


@pytest.fixture(scope="session")
def poses(tmp_path_factory, invented_dance):
    """What was seen of somebody, cut once."""
    path = tmp_path_factory.mktemp("poses") / "clip.poses.json"
    write_footage(Footage(Pose2D(_keypoints(invented_dance(200, 5)), (128, 128)), (80,), "clip.mp4"), path)
    return path


def _keypoints(motion):
    joints_m = coco_joints_m(motion.rotations, motion.root_m)
    xy = torch.stack((60 * joints_m[..., 0] + 64, 120 - 60 * joints_m[..., 2]), -1)
    return torch.cat((xy, torch.full((len(motion), 17, 1), 0.9)), -1)
