import json
import shutil

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.motion_store import data_hash
from core_vimo.rotations import FRONT, heading
from edge_adapter.dance_data import (
    TURN_RADIANS,
    DanceSet,
    DanceWindows,
    PairedDance,
    fit_codec,
    write_dance_set,
)


@pytest.fixture
def windows(dance_folder) -> DanceWindows:
    dances = DanceSet(dance_folder)
    return DanceWindows(dances, fit_codec(dances.motions()), frames=150, stride=15, seed=0)


def test_what_is_written_is_read(dance_folder, invented_dance):
    dances = DanceSet(dance_folder)
    assert [row["name"] for row in dances.rows] == ["dance0", "dance1", "dance2"]
    whole, part = dances[0], dances.read(0, 40, 30)
    assert torch.equal(whole.motion.rotations, invented_dance(200, 0).rotations)
    assert torch.equal(part.motion.root_m, whole.motion.root_m[40:70])
    assert torch.equal(part.features, whole.features[40:70])
    assert len(DanceSet(dance_folder, "test")) == 1


def test_windows_are_a_function_of_index_and_epoch(windows):
    # 200 frames hold starts 0, 15, 30, 45; 170 hold 0, 15; 90 hold none.
    assert len(windows) == 6
    first, again, later = windows[(2, 0)], windows[(2, 0)], windows[(2, 1)]
    assert first["x"].shape == (150, 151) and first["condition"].shape == (150, 35)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["x"], later["x"])


def test_windows_turn_a_little_and_stay_in_range(windows):
    facing = [windows.codec.decode(windows[(0, epoch)]["x"]).rotations[0, 0] for epoch in range(40)]
    headings = heading(torch.stack(facing)) - FRONT
    assert headings.abs().max() <= TURN_RADIANS + 1e-3
    assert headings.std() > TURN_RADIANS / 3
    assert max(float(windows[(i, 0)]["x"].abs().max()) for i in range(len(windows))) <= 1


def test_one_dance_that_fails_leaves_no_data_set(tmp_path, invented_dance):
    good = invented_dance(60, 0)
    beats = torch.zeros(1, dtype=torch.float64)
    dances = [
        PairedDance("good", good, torch.zeros(60, 35), beats, "none"),
        PairedDance("bad", good, torch.zeros(59, 35), beats, "none"),
    ]
    with pytest.raises(InputError, match="bad: 59 frames of music, 60 of dance"):
        write_dance_set(dances, tmp_path / "set", "librosa35")
    with pytest.raises(InputError, match="nothing to write"):
        write_dance_set([], tmp_path / "set", "librosa35")
    assert list(tmp_path.iterdir()) == []


def test_damage_is_named(dance_folder, tmp_path):
    with pytest.raises(InputError, match=r"index\.json: not a data set"):
        DanceSet(tmp_path)
    broken = tmp_path / "set"
    shutil.copytree(dance_folder, broken)
    (broken / "dances" / "dance0.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"dance0\.safetensors: cannot be read"):
        DanceSet(broken)[0]
    index = json.loads((broken / "index.json").read_text()) | {"format": 99}
    (broken / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="another version"):
        DanceSet(broken)
    with pytest.raises(InputError, match="no dance of the split 'validation'"):
        DanceSet(dance_folder, "validation")


def test_dances_too_short_for_a_window_are_refused_with_both_numbers(dance_folder):
    dances = DanceSet(dance_folder)
    with pytest.raises(InputError, match="longest dance has 200 frames, a window needs 300"):
        DanceWindows(dances, fit_codec(dances.motions()), frames=300, stride=15, seed=0)


@pytest.mark.parametrize("sizes", [(150, 0), (0, 15), ("many", 15), (150, 1.5)])
def test_windows_of_no_size_are_refused(dance_folder, sizes):
    dances = DanceSet(dance_folder)
    with pytest.raises(InputError, match=r"data\.frames=.* and data\.stride=.* must be whole numbers"):
        DanceWindows(dances, fit_codec(dances.motions()), *sizes, seed=0)


def test_music_that_is_not_finite_is_named_when_it_is_read(invented_dance, tmp_path):
    music = torch.zeros(60, 35)
    music[7, 3] = torch.nan
    dance = PairedDance("silent", invented_dance(60, 0), music, torch.zeros(1, dtype=torch.float64), "none")
    write_dance_set([dance], tmp_path / "set", "librosa35")
    with pytest.raises(InputError, match=r"silent\.safetensors: its music features hold NaN"):
        DanceSet(tmp_path / "set")[0]


def test_the_hash_of_a_data_set_tells_other_numbers_of_the_same_size(invented_dance, tmp_path):
    for number in (0, 1):
        dance = PairedDance("a", invented_dance(60, number), torch.zeros(60, 35), torch.zeros(1).double(), "none")
        write_dance_set([dance], tmp_path / f"set{number}", "librosa35")
    assert data_hash(tmp_path / "set0") == data_hash(tmp_path / "set0") != data_hash(tmp_path / "set1")
