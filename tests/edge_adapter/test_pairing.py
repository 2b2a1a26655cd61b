import zipfile

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.formats import write_motion
from core_vimo.formats.sources import find_sources, matches
from core_vimo.motion import Motion
from edge_adapter.dance_sources import Variations, pair
from edge_adapter.pairing import movement_beats, rendered_track


def _stop_and_go(period_s: float, seconds: float = 12.0) -> Motion:
    """Arms that swing and stand still once a period, at multiples of it."""
    time = torch.arange(int(seconds * 30)) / 30
    swing = torch.sin(torch.pi * time / period_s)  # its speed is zero at half periods
    angles = torch.zeros(len(time), 24, 3)
    angles[:, 0, 0] = torch.pi / 2
    angles[:, [16, 17, 18, 19], 2] = swing[:, None]
    root = torch.tensor([0.0, 0.0, 0.95]).expand(len(time), 3)
    return Motion.from_axis_angle(angles, root)


@pytest.mark.parametrize("period_s", [0.5, 0.6])
def test_movement_beats_are_where_the_body_stops(period_s):
    found = movement_beats(_stop_and_go(period_s))
    true = np.arange(20) * period_s + period_s / 2
    off = np.abs(found[:, None] - true[None, :]).min(axis=1)
    assert np.median(np.diff(found)) == pytest.approx(period_s, abs=0.02)
    assert np.median(off) < 0.05


def test_a_body_that_never_moves_gets_the_likely_tempo():
    still = Motion.from_axis_angle(torch.zeros(90, 24, 3), torch.zeros(90, 3))
    assert len(movement_beats(still)) >= 2


def test_the_track_plays_on_the_given_beats():
    motion = _stop_and_go(0.5)
    beats_s = movement_beats(motion)
    track = rendered_track(motion, beats_s, seed=3, rate=15360)
    assert len(track.mono) >= motion.seconds * 15360
    inside = beats_s[(beats_s >= 0) & (beats_s < motion.seconds)]
    assert np.abs(inside[:, None] - track.beats_s[None, :]).min(axis=1).max() < 1e-6


def test_sources_are_found_in_folders_and_archives(tmp_path, invented_dance):
    write_motion(invented_dance(60, 0), tmp_path / "deep" / "one.bvh")
    write_motion(invented_dance(60, 1), tmp_path / "two.npz")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "deep" / "one.bvh", "../three.bvh")
    sources = find_sources([tmp_path])
    assert [source.name for source in sources] == ["one", "three", "two"]
    assert all([len(part) for part in source.read()] == [60] for source in sources)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no motion file"):
        find_sources([tmp_path / "empty"])
    with pytest.raises(InputError, match="there is no such file"):
        find_sources([tmp_path / "gone.bvh"])


def test_capital_endings_are_found_and_a_macs_hidden_companions_are_not(tmp_path, invented_dance):
    write_motion(invented_dance(90, 0), tmp_path / "Spin.BVH")
    with zipfile.ZipFile(tmp_path / "More.ZIP", "w") as archive:
        archive.write(tmp_path / "Spin.BVH", "clips/Jump.BVH")
        archive.writestr("__MACOSX/clips/._Jump.BVH", b"\x00\x05\x16\x07")
    assert [source.name for source in find_sources([tmp_path])] == ["Jump", "Spin"]


def test_a_glitch_cuts_a_capture_in_two(tmp_path, invented_dance):
    dance = invented_dance(200, 0)
    jumped = dance.root_m.clone()
    jumped[100:] += torch.tensor([3.0, 0.0, 0.0])
    write_motion(Motion(dance.rotations, jumped, dance.contacts), tmp_path / "glitch.npz")
    (source,) = find_sources([tmp_path])
    assert [len(part) for part in source.read()] == [100, 100]
    names = [dance.name for dance in pair(source, None, Variations(mirrored=False), held_out=False)]
    assert names == ["glitch.1", "glitch.2"]


def test_variants_are_for_training_only(tmp_path, invented_dance):
    write_motion(invented_dance(160, 0), tmp_path / "waltz.npz")
    (source,) = find_sources([tmp_path])
    vary = Variations(tempi=(1.0, 1.25), mirrored=True, tracks=2)
    names = [dance.name for dance in pair(source, None, vary, held_out=False)]
    assert len(names) == len(set(names)) == 8
    faster = next(d for d in pair(source, None, vary, held_out=False) if "tempo1.25" in d.name)
    assert len(faster.motion) == pytest.approx(160 / 1.25, abs=1)
    (test,) = pair(source, None, vary, held_out=True)
    assert (test.name, test.split) == ("waltz", "test")
    assert len(test.features) == len(test.motion) == 160


def test_names_match_patterns():
    assert matches("60_11", ["*_11"]) and not matches("60_12", ["*_11", "05_*"])
