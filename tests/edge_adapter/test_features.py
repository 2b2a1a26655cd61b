"""The 35 features of a song: librosa's own numbers, however the song is cut for computing."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from core_vimo.motion import FPS
from edge_adapter import features
from edge_adapter.audio import write_audio
from edge_adapter.build import SHIPPED, load_dance_model
from edge_adapter.features import (
    BEATS,
    CHROMA,
    HOP,
    MFCC,
    ONSET,
    PEAKS,
    RATE,
    LibrosaExtractor,
    MusicFeatures,
    extract_features,
    features_of_samples,
)  # fmt: skip
from edge_adapter.jukebox import JukeboxExtractor
from edge_adapter.sequencer import make_score, render


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return render(make_score(4, 20.0, "pop", 118.0), RATE).mono[: RATE * 20 + 333]


def by_librosa(song: np.ndarray) -> np.ndarray:
    """The columns that don't hang on a tempo, each by its one librosa call."""
    onset = librosa.onset.onset_strength(y=song, sr=RATE)
    mfcc = librosa.feature.mfcc(y=song, sr=RATE, n_mfcc=20).T
    chroma = librosa.feature.chroma_cens(y=song, sr=RATE, hop_length=512).T
    return np.concatenate((onset[:, None], mfcc, chroma), axis=1)


def test_columns_are_those_of_librosa(song: np.ndarray) -> None:
    found = features_of_samples(song).values
    assert found.dtype == torch.float32
    assert found.shape == (1 + len(song) // 512, 35)
    expected = by_librosa(song)
    np.testing.assert_allclose(found[:, ONSET], expected[:, ONSET], atol=1e-4)
    np.testing.assert_allclose(found[:, MFCC], expected[:, MFCC], atol=1e-3)
    np.testing.assert_allclose(found[:, CHROMA], expected[:, CHROMA], atol=1e-5)


def test_blocks_do_not_show(song: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = features_of_samples(song).values
    monkeypatch.setattr(features, "_BLOCK_FRAMES", 130)
    cut = features_of_samples(song).values
    np.testing.assert_allclose(cut[:, :21], whole[:, :21], atol=1e-3)
    np.testing.assert_array_equal(cut[:, 33:], whole[:, 33:])
    # CENS quantises: a share on a threshold may fall on either side, which smoothing spreads over 41 frames.
    assert ((cut - whole)[:, CHROMA].abs() > 1e-4).float().mean() < 0.01


def test_a_file_gives_what_its_samples_give(song: np.ndarray, tmp_path: Path) -> None:
    write_audio(tmp_path / "song.wav", song, RATE)
    pcm, _ = soundfile.read(tmp_path / "song.wav", dtype="float32")
    found = extract_features(tmp_path / "song.wav")
    assert (found.fps, found.extractor) == (30.0, "librosa35")
    torch.testing.assert_close(found.values, features_of_samples(pcm).values, atol=1e-4, rtol=0)


def test_music_later_by_k_frames_has_features_later_by_k_frames(song: np.ndarray) -> None:
    later = features_of_samples(np.concatenate((np.zeros(45 * 512, np.float32), song))).values
    found = features_of_samples(song).values
    inner = slice(30, 500)  # away from the ends; tuning, 80 dB floor and CENS are the same
    np.testing.assert_allclose(later[45:][inner, :21], found[inner, :21], atol=1e-2)


def test_an_excerpt_is_a_slice() -> None:
    whole = features.MusicFeatures(torch.arange(300.0)[:, None].expand(-1, 35))
    part = whole.excerpt(2.0, 3.0)
    np.testing.assert_array_equal(part.values, whole.values[60:150])
    assert len(whole.excerpt(9.0, 5.0)) == 30


@pytest.mark.parametrize("samples", [np.zeros(RATE * 2), np.zeros(1), np.sin(np.arange(RATE) * 0.3), np.ones(700)])
def test_dull_sound_has_finite_features(samples: np.ndarray) -> None:
    found = features_of_samples(samples.astype(np.float32)).values
    assert found.shape == (1 + len(samples) // 512, 35)
    assert torch.isfinite(found).all()
    assert set(found[:, PEAKS].unique().tolist()) | set(found[:, BEATS].unique().tolist()) <= {0.0, 1.0}


def test_beat_column_is_steady_for_steady_music(song: np.ndarray) -> None:
    beats = torch.nonzero(features_of_samples(song).values[:, BEATS])[:, 0].numpy()
    assert np.median(np.diff(beats)) == pytest.approx(30 * 60 / 118, rel=0.04)


def test_music_dances_and_models_share_one_frame_rate():
    rates = (RATE / HOP, MusicFeatures(torch.zeros(1, 35)).fps, LibrosaExtractor().fps, JukeboxExtractor().fps)
    assert {*rates, load_dance_model(SHIPPED).codec.fps} == {FPS}
    assert len(features_of_samples(np.zeros(4 * RATE, np.float32))) == 4 * FPS + 1, "one at either end"
