import math

import numpy as np
import pytest
import torch

from core_vimo.randomness import generator
from core_vimo.virtual_detector import detect_worse, spells, trembling


@pytest.mark.parametrize("sigma", [2.0, 9.0])
def test_trembling_has_unit_variance_and_remembers_for_its_sigma(sigma):
    noise = trembling(4000, 8, sigma, generator(1))
    assert noise.shape == (4000, 8) and float(noise.std()) == pytest.approx(1, abs=0.1)
    lag = round(2 * sigma)
    remembered = float((noise[lag:] * noise[:-lag]).mean())
    assert remembered == pytest.approx(math.exp(-1), abs=0.12)


def test_trembling_is_white_noise_under_a_gaussian():
    white = torch.randn(1, 1, 406, generator=generator(5))[0, 0].numpy()
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 1.2) ** 2)
    expected = np.convolve(white, kernel / np.linalg.norm(kernel), "valid")
    assert trembling(400, 1, 1.2, generator(5))[:, 0] == pytest.approx(expected, abs=1e-5)


def test_spells_happen_as_often_and_last_as_long_as_asked():
    active = spells(150, 2000, 0.4, 10, generator(2))
    assert active.any(0).mean() == pytest.approx(0.36, abs=0.04)
    runs = active.sum(0)
    assert runs.max() <= 20 and runs[runs > 0].mean() > 2
    assert not spells(150, 50, 0.0, 10, generator(2)).any()


def reported(frames: int = 400) -> np.ndarray:
    """A person 300 pixels high, surely seen but for the wrists and, once, the whole body."""
    draw = np.random.default_rng(0)
    keypoints = np.concatenate(
        (draw.uniform((100, 50), (250, 350), (frames, 17, 2)), np.full((frames, 17, 1), 0.9)), -1
    )
    keypoints[:, 0, 1], keypoints[:, 16, 1] = 50, 350
    keypoints[:, 9:11] = 0
    keypoints[100:110] = 0
    return keypoints.astype(np.float32)


def test_a_worse_detector_errs_by_centimetres_of_the_body_and_sees_nobody_new():
    keypoints = reported()
    worse = detect_worse(torch.from_numpy(keypoints), generator(0)).numpy()
    assert worse.dtype == np.float32 and not worse[:, 9:11].any() and not worse[100:110].any()
    seen = (worse[..., 2] > 0) & (keypoints[..., 2] > 0)
    off_m = np.linalg.norm(worse - keypoints, axis=-1)[seen] / 200
    assert 0.01 < np.median(off_m) < 0.08
    assert (worse[..., 2][seen] <= keypoints[..., 2][seen]).all() and 0.6 < seen.sum() / (
        keypoints[..., 2] > 0
    ).sum() < 1


def test_errors_grow_with_the_body_in_the_picture_and_are_a_function_of_the_key():
    keypoints, thrice = torch.from_numpy(reported()), torch.tensor([3.0, 3.0, 1.0])
    worse = detect_worse(keypoints, generator(1))
    assert torch.allclose(detect_worse(keypoints * thrice, generator(1)), worse * thrice, rtol=1e-4, atol=1e-2)
    assert torch.equal(worse, detect_worse(keypoints, generator(1)))
    assert not torch.equal(worse, detect_worse(keypoints, generator(2)))


def test_where_nobody_is_seen_nothing_is_made_up():
    assert not detect_worse(torch.zeros(30, 17, 3), generator(0)).any()
