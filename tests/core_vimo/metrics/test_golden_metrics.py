"""The published metrics against the outputs of the public code, within the tolerances stated with the golden data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.metrics.beats import alignment, beat_scores, motion_beats_s
from core_vimo.metrics.frechet import Standardiser, diversity, frechet_distance
from core_vimo.metrics.kinetic import kinetic_features
from core_vimo.metrics.manual import manual_features
from core_vimo.metrics.pfc import pfc_edge
from core_vimo.rotations import y_up_to_z_up

Golden = dict[str, NDArray[np.generic]]


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> Golden:
    with np.load(golden_dir / "metrics.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


@pytest.fixture(scope="module")
def joints_m(golden: Golden) -> Tensor:
    return torch.from_numpy(golden["joints"])


@pytest.mark.parametrize(("acceleration", "name"), [("published", "kinetic"), ("fixed", "kinetic_corrected")])
def test_golden_kinetic_features(golden: Golden, joints_m: Tensor, acceleration: str, name: str) -> None:
    np.testing.assert_allclose(kinetic_features(joints_m, acceleration), golden[name], rtol=1e-4)


def test_golden_manual_features(golden: Golden, joints_m: Tensor) -> None:
    np.testing.assert_allclose(manual_features(joints_m), golden["manual"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("features", "suffix"), [("kinetic", "k"), ("manual", "m")])
def test_golden_fid_and_diversity(golden: Golden, features: str, suffix: str) -> None:
    values = torch.from_numpy(golden[features])
    scale = Standardiser.of(values[:12])
    pool, generated = scale(values[:12]), scale(values[12:])
    assert float(frechet_distance(generated, pool)) == pytest.approx(float(golden[f"fid_{suffix}"]), rel=1e-6)
    assert float(diversity(pool)) == pytest.approx(float(golden[f"div_{suffix}_first12"]), rel=1e-4)
    assert float(diversity(generated)) == pytest.approx(float(golden[f"div_{suffix}_last12"]), rel=1e-4)


def test_golden_constant_columns_are_found_and_named(golden: Golden) -> None:
    scale = Standardiser.of(torch.from_numpy(golden["manual"][:12]))
    assert scale.constant_columns == golden["fid_m_constant_columns"].tolist()


def test_golden_fid_of_full_rank_sets(golden: Golden) -> None:
    pool, generated = torch.from_numpy(golden["gauss_ref"]), torch.from_numpy(golden["gauss_gen"])
    scale = Standardiser.of(pool)
    assert float(frechet_distance(scale(generated), scale(pool))) == pytest.approx(float(golden["gauss_fid"]), rel=1e-5)
    assert float(diversity(scale(pool))) == pytest.approx(float(golden["gauss_div_ref"]), rel=1e-5)
    assert float(diversity(scale(generated))) == pytest.approx(float(golden["gauss_div_gen"]), rel=1e-5)


def test_golden_motion_beats(golden: Golden, joints_m: Tensor) -> None:
    for dance, beats in zip(joints_m, golden["motion_beats"], strict=True):
        found = np.rint(motion_beats_s(dance, 60) * 60).astype(int)
        assert found.tolist() == beats[beats >= 0].tolist()


def test_golden_beat_alignment(golden: Golden, joints_m: Tensor) -> None:
    music = [row[row >= 0] / 60 for row in golden["music_beats"]]
    scores = [beat_scores(j, 60, beats).bas_music_to_dance for j, beats in zip(joints_m, music, strict=True)]
    np.testing.assert_allclose(scores, golden["beat_align"], rtol=0, atol=1e-6)
    assert np.mean(scores) == pytest.approx(float(golden["beat_align_mean"]), abs=1e-6)


def test_golden_alignment_of_beats_with_themselves_is_one(golden: Golden) -> None:
    beats = golden["motion_beats"][0] / 60
    assert alignment(beats, beats) == 1


def test_golden_pfc(golden: Golden, joints_m: Tensor) -> None:
    windows = joints_m[:, ::2] @ y_up_to_z_up(joints_m.dtype).T
    np.testing.assert_allclose(pfc_edge(windows), golden["pfc"], rtol=1e-4)
    np.testing.assert_allclose(pfc_edge(windows), golden["pfc_float64"], rtol=1e-6)
