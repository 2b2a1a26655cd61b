import math

import numpy as np
import pytest
import torch

from core_vimo.randomness import generator
from core_vimo.virtual_detector import spells, trembling


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
