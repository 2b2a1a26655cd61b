import json

import av
import numpy as np
import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.formats import read_motion
from core_vimo.publish import sha256_file
from edge_adapter.audio import write_audio
from stylize.cli import main


def test_everything_is_there_and_agrees(made, song):
    out, _ = made
    manifest = json.loads((out / "manifest.json").read_text())
    written = sorted(p.name for p in out.iterdir() if p.name != "manifest.json")
    assert written == sorted(name for take in manifest["takes"] for name in take["files"])
    assert sorted(take["seed"] for take in manifest["takes"]) == [0, 1]
    assert manifest["song_sha256"] == sha256_file(song) and manifest["audio_offset_s"] == 1
    motions = [read_motion(out / f"take1.{suffix}") for suffix in ("npz", "bvh", "glb")]
    assert all(len(motion) == 180 for motion in motions)
    for other in motions[1:]:
        assert torch.allclose(other.joints_m(), motions[0].joints_m(), atol=1e-3)


def test_the_video_lasts_as_long_as_the_dance_and_sounds(made):
    with av.open(str(made[0] / "take1.mp4")) as video:
        picture, sound = video.streams.video[0], video.streams.audio[0]
        assert float(picture.duration * picture.time_base) == pytest.approx(6.0, abs=1 / 30)
        assert float(sound.duration * sound.time_base) == pytest.approx(6.0, abs=0.05)


def test_another_seed_is_another_dance(made, song, tmp_path):
    out, options = made
    assert main(["dance", str(song), "--out", str(tmp_path), "--seed", "5", "--no-video", *options]) == 0
    assert not torch.equal(read_motion(tmp_path / "dance.npz").root_m, read_motion(out / "take1.npz").root_m)


def test_more_steps_than_the_model_has_are_refused(song, tiny_bundle, tmp_path, capsys):
    bundle = Bundle.load(tiny_bundle)
    few = bundle.config | {"diffusion": {"name": "cosine", "steps": 10}}
    Bundle(bundle.weights, few, bundle.codec, bundle.card).save(tmp_path / "few")
    assert main(["dance", str(song), "--out", str(tmp_path / "out"), "--bundle", str(tmp_path / "few")]) == 2
    assert "15 sampling steps asked of a model with 10" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_size_no_video_can_have_is_refused_before_the_song_is_heard(song, tmp_path, capsys):
    command = ["dance", str(song), "--out", str(tmp_path / "d"), "--size", "721x33"]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "721x33" in told and "Listening" not in told
    assert not (tmp_path / "d").exists()


def test_noise_is_told_to_have_a_weak_pulse_and_music_is_not(made, song, tmp_path, capsys):
    hiss = 0.1 * np.random.default_rng(0).standard_normal((22050 * 12, 1)).astype(np.float32)
    write_audio(tmp_path / "hiss.wav", hiss, 22050)
    for heard, doubted in ((tmp_path / "hiss.wav", True), (song, False)):
        assert main(["dance", str(heard), "--out", str(tmp_path / "out"), "--no-video", *made[1]]) == 0
        assert ("check the counts" in capsys.readouterr().out) == doubted


def test_silence_is_danced_without_counts(tmp_path, tiny_bundle):
    write_audio(tmp_path / "silence.wav", np.zeros((22050 * 5, 1), np.float32), 22050)
    options = ["--bundle", str(tiny_bundle), "--steps", "2", "--no-video"]
    assert main(["dance", str(tmp_path / "silence.wav"), "--out", str(tmp_path / "out"), *options]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["tempo_bpm"] == 0 and manifest["takes"][0]["numbers"]["beat_f1"] is None
    assert len((tmp_path / "out" / "dance.counts.csv").read_text().splitlines()) == 1


def test_the_tempo_can_be_corrected(made, song, tmp_path):
    _, options = made
    assert main(["dance", str(song), "--out", str(tmp_path), "--tempo", "half", "--no-video", *options]) == 0
    heard = json.loads((made[0] / "manifest.json").read_text())["tempo_bpm"]
    assert json.loads((tmp_path / "manifest.json").read_text())["tempo_bpm"] == pytest.approx(heard / 2, rel=0.01)
