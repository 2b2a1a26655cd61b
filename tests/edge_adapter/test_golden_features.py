"""The 35 features against those of EDGE's own extractor (librosa 0.11), on two real songs."""

from pathlib import Path

import librosa
import numpy as np
import pytest

from edge_adapter.features import BEATS, CHROMA, MFCC, ONSET, PEAKS, features_of_samples

SONGS = ["features35_track1.npz", "features35_track2.npz"]


@pytest.fixture(params=SONGS)
def golden(request: pytest.FixtureRequest, golden_dir: Path) -> dict[str, np.ndarray]:
    with np.load(golden_dir / request.param, allow_pickle=False) as arrays:
        return dict(arrays)


def test_features_are_those_of_edge(golden: dict[str, np.ndarray]) -> None:
    if not librosa.__version__.startswith("0.11"):
        pytest.skip("the golden values are librosa 0.11's")
    values = features_of_samples(golden["pcm_int16"].astype(np.float32) / 32768).values.numpy()
    expected = golden["features"]
    assert values.shape == expected.shape == (601, 35)
    np.testing.assert_allclose(values[:, ONSET], expected[:, ONSET], atol=1e-3)
    np.testing.assert_allclose(values[:, MFCC], expected[:, MFCC], atol=1e-2)
    np.testing.assert_array_equal(values[:, PEAKS], expected[:, PEAKS])
    np.testing.assert_array_equal(values[:, BEATS], expected[:, BEATS])
    # CENS quantises: a share that lies on a threshold may fall on either side, which smoothing spreads over 41 frames.
    jumped = np.abs(values[:, CHROMA] - expected[:, CHROMA]) > 1e-3
    assert jumped.mean() < 0.005
