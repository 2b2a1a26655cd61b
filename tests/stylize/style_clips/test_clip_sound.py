"""A clip's music is its own where it has any that lasts; else one is made on its movement's beats, and said."""

import numpy as np
import pytest
import torch

from edge_adapter.audio import write_audio
from edge_adapter.features import RATE, extract_features
from stylize.style_clips.sound import ITS_OWN, music_of


def test_a_sound_of_its_own_is_heard(song, invented_dance):
    music = music_of(invented_dance(200, 0), song, (0, "a"))
    assert music.sound == ITS_OWN
    assert music.features.shape == (200, 35)
    whole = extract_features(song).values
    assert torch.allclose(music.features[20:150, :1], whole[20:150, :1], atol=1e-3)
    assert abs(float(np.median(np.diff(music.beats_s.numpy()))) - 0.5) < 0.02


def test_without_sound_a_track_is_made_as_the_key_says(invented_dance):
    dance = invented_dance(170, 1)
    one, same, other = (music_of(dance, None, key) for key in ((0, "a"), (0, "a"), (1, "a")))
    assert one.sound == "none: rendered on its movement's beats"
    assert one.features.shape == (170, 35)
    assert torch.equal(one.features, same.features)
    assert not torch.equal(one.features, other.features)
    assert torch.allclose(one.beats_s[: len(other.beats_s)], other.beats_s[: len(one.beats_s)], atol=0.05)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(8 * RATE, np.float32), "its sound is silence"),
        (0.5 * np.sin(np.arange(2 * RATE, dtype=np.float32)), r"its sound ends after 2\.0 s"),
        (None, "its sound can't be read"),
    ],
)
def test_sound_of_no_use_is_replaced_and_told(tmp_path, invented_dance, samples, said):
    path = tmp_path / "sound.wav"
    if samples is None:
        path.write_bytes(b"no sound at all")
    else:
        write_audio(path, samples, RATE)
    music = music_of(invented_dance(160, 2), path, (0, "a"))
    assert music.sound.startswith("none: rendered")
    assert said.replace("\\", "") in music.sound
