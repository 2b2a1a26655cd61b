"""Real clips: glitched mocap is rejected where it is glitched and else kept; a real video passes with its sound."""

import shutil
import zipfile
from collections import Counter

import numpy as np
import pytest

from core_vimo.clip_set import ClipSet
from core_vimo.formats import read_motion
from core_vimo.formats.sources import at_rate
from stylize.style_clips.collect import CollectSettings, collect
from stylize.style_clips.verdict import REASONS, glitches_at_30_fps, judge, measure


def words(path):
    """How many windows of a motion file have which verdict."""
    raw = read_motion(path)
    motion = at_rate(raw)
    starts = range(0, len(motion) - 149, 15)
    seen = motion.root_m.new_ones(len(motion))
    return Counter(REASONS[judge(facts)].word for facts in measure(motion, seen, glitches_at_30_fps(raw), starts, 150))


@pytest.mark.parametrize(("clip", "bad"), [("05_05", True), ("05_06", True), ("05_08", True), ("05_02", False)])
def test_modern_dance_is_kept_but_for_its_glitched_recordings(shared_data, tmp_path, clip, bad):
    with zipfile.ZipFile(shared_data / "cmu" / "modern_dance.zip") as archive:
        name = next(name for name in archive.namelist() if f"{clip}.bvh" in name)
        (tmp_path / "clip.bvh").write_bytes(archive.read(name))
    found = words(tmp_path / "clip.bvh")
    assert set(found) == ({"glitch"} if bad else {""})


def test_calibration_at_the_ends_goes_and_the_dance_between_stays(shared_data):
    found = words(shared_data / "bvh_misc" / "dab.bvh")
    assert found["T-pose"] > 0
    assert found[""] > found["T-pose"]


@pytest.mark.parametrize("dance", ["dance_w_22", "dance_c_8", "dance_t_3", "dance_r_2"])
def test_social_dances_are_kept(shared_data, dance):
    assert set(words(shared_data / "dance_with_melody" / f"{dance}.npz")) == {""}


def test_a_dance_with_stored_music_keeps_it(shared_data, tmp_path):
    shutil.copy(shared_data / "dance_with_melody" / "dance_w_22.npz", tmp_path)
    summary = collect([tmp_path], tmp_path / "clips", CollectSettings(stride_s=5))
    clips = ClipSet(tmp_path / "clips")
    assert (summary.failed, summary.rendered, clips.clips[0].sound) == ({}, (), "its own")
    _, features, beats_s = clips.read(1)
    with np.load(shared_data / "dance_with_melody" / "dance_w_22.npz") as stored:
        assert np.allclose(features, stored["features"][150:300])
        assert np.allclose(beats_s, stored["beats"] / 30 - 5)


@pytest.mark.slow
def test_ten_videos_minus_the_bad_ones(shared_data, tmp_path):
    """One dancer with sound, two people, nobody, 2 pictures a second, too short, damaged: in one folder."""
    pytest.importorskip("mediapipe")
    import av

    videos, places = shared_data / "videos", tmp_path / "places"
    places.mkdir()
    for name in ("solo_dance_music.mp4", "chaplin.mp4", "27_Tennage_Hooligan.mp4"):
        shutil.copy(videos / name, places)
    (places / "damaged.mp4").write_bytes((videos / "chaplin.mp4").read_bytes()[:20_000])
    _film(av, places / "nobody.mp4", 25, 160)
    _film(av, places / "slow.mp4", 2, 14)
    summary = collect([places], tmp_path / "clips", CollectSettings(samples=2))
    assert summary.failed.keys() == {"27_Tennage_Hooligan", "damaged", "nobody", "slow"}
    assert "lasts 3.8 s, and a window needs 5 s" in summary.failed["27_Tennage_Hooligan"]
    assert "mediapipe sees nobody in its 6.4 s" in summary.failed["nobody"]
    assert "has 2 pictures a second" in summary.failed["slow"]
    clips = {clip.name: clip for clip in ClipSet(tmp_path / "clips").clips}
    assert clips["solo_dance_music"].sound == clips["chaplin"].sound == "its own"
    assert clips["solo_dance_music"].takes == 2
    assert "person 1 of 2" in summary.page.read_text()
    assert summary.kept > 10


def _film(av, path, rate, pictures):
    """Grey noise, moving."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(pictures):
            picture = np.random.default_rng(number).integers(90, 160, (120, 160, 3), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
