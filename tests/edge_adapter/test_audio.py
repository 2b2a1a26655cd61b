"""Any sound in, mono samples out, at the right place in time; bad files end in one sentence that names them."""

import logging
import re
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile

from core_vimo.errors import InputError, MediaError
from edge_adapter.audio import audio_seconds, read_audio, stream_audio, write_audio

RATE = 44100


def clicks(seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    """A decaying 1 kHz burst every half second."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.8 * np.sin(2 * np.pi * 1000 * time) * np.exp(-40 * (time % 0.5))).astype(np.float32)


def encode(
    path: Path, samples: np.ndarray, codec: str, rate: int = RATE, layout: str = "mono", video: bool = False
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if video:
            picture = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
            for _ in range(25):
                container.mux(picture.encode(av.VideoFrame(32, 32, "yuv420p")))
            container.mux(picture.encode(None))
        planes = np.atleast_2d(samples).astype(np.float32)
        for first in range(0, planes.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes[:, first : first + 1024]), "fltp", layout)
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def offset_samples(found: np.ndarray, truth: np.ndarray) -> int:
    """Where the cross-correlation of the first second and a half peaks."""
    n = min(len(found), len(truth), int(1.5 * RATE))
    spectrum = np.fft.rfft(found[:n], 2 * n) * np.conj(np.fft.rfft(truth[:n], 2 * n))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    return lag - 2 * n if lag > n else lag


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_samples_start_where_soundfile_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clicks{suffix}"
    soundfile.write(path, clicks(), RATE)
    expected, _ = soundfile.read(path, dtype="float32")
    found = read_audio(path, RATE)
    assert offset_samples(found, expected) == 0
    n = min(len(found), len(expected))
    assert abs(len(found) - len(expected)) <= 1152
    np.testing.assert_allclose(found[:n], expected[:n], atol=2e-3)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mp4", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus")]
)
def test_encoder_delay_is_taken_away(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48000 if codec == "libopus" else RATE
    path = encode(tmp_path / name, clicks(rate=rate), codec, rate, video=name.endswith("mp4"))
    assert abs(offset_samples(read_audio(path, RATE), clicks())) <= 2


def test_resampling_a_stream_is_resampling_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    write_audio(path, np.random.default_rng(0).uniform(-0.9, 0.9, (RATE * 3 + 17, 2)), RATE)
    expected, _ = librosa.load(path, sr=15360)
    blocks = list(stream_audio(path, 15360, block_s=0.7))
    assert {len(block) for block in blocks[:-1]} == {round(0.7 * 15360)}
    found = np.concatenate(blocks)
    assert abs(len(found) - len(expected)) <= 1
    np.testing.assert_allclose(found[: len(expected)], expected[: len(found)], atol=1e-6)


def test_an_excerpt_is_a_slice_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "clicks.flac"
    write_audio(path, clicks(), RATE)
    whole = read_audio(path, 15360)
    np.testing.assert_array_equal(read_audio(path, 15360, 1.0, 0.5), whole[15360 : 15360 + 7680])
    assert len(read_audio(path, 15360, 2.5, 10.0)) == 7680
    with pytest.raises(MediaError, match=r"lasts 3\.0 s"):
        read_audio(path, 15360, 3.5)
    with pytest.raises(InputError, match="empty"):
        read_audio(path, 15360, 0, 0)


@pytest.mark.parametrize(
    ("rate", "layout", "channels"),
    [(8000, "mono", 1), (48000, "5.1", 6), (48000, "7.1", 8), (44100, "24", 24), (96000, "stereo", 2)],
)
def test_any_rate_and_layout_become_mono(tmp_path: Path, rate: int, layout: str, channels: int) -> None:
    sound = clicks(rate=rate)
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.repeat(sound[:, None], channels, 1), rate, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path, rate), sound, atol=1e-6)
    assert audio_seconds(path) == pytest.approx(3.0)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        write_audio(tmp_path / f"a{suffix}", np.stack((clicks(), 2 * clicks()), 1), RATE)
        samples, rate = soundfile.read(tmp_path / f"a{suffix}")
        assert rate == RATE
        np.testing.assert_allclose(samples[:, 0], clicks(), atol=1e-4)
        assert np.abs(samples).max() <= 1
    with pytest.raises(InputError, match=r"\.wav or \.flac"):
        write_audio(tmp_path / "a.mp3", clicks(), RATE)


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.wav"
    match kind:
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "text":
            path = folder / "text.mp3"
            path.write_text("this is no song, it is a sentence. " * 200)
        case "playlist":
            path = folder / "list.mp3"
            path.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:9,\nhttp://127.0.0.1:9/a.mp3\n#EXT-X-ENDLIST\n")
        case "no samples":
            soundfile.write(path, np.zeros(0), RATE)
        case "nan":
            soundfile.write(path, np.where(np.arange(RATE) == 500, np.nan, clicks(1.0)), RATE, subtype="FLOAT")
        case "short of nearly all":
            path = folder / "cut.flac"
            soundfile.write(path, clicks(), RATE)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 5])
        case "no sound":
            path = folder / "silent film.mp4"
            with av.open(str(path), "w") as container:
                picture = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
                container.mux(picture.encode(av.VideoFrame(32, 32, "yuv420p")))
                container.mux(picture.encode(None))
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "not found"),
        ("empty", "0 bytes"),
        ("folder", "not a file"),
        ("text", "convert it|no sound track|nothing in it"),
        ("playlist", "convert it|no sound track|nothing in it"),
        ("no samples", "nothing in it|no sound track|convert it"),
        ("nan", "NaN"),
        ("short of nearly all", r"only 0\.\d s of"),
        ("no sound", "no sound track"),
    ],
)
def test_bad_files_end_in_one_sentence(kind: str, words: str, tmp_path: Path) -> None:
    path = bad_file(kind, tmp_path)
    with pytest.raises(MediaError, match=words) as caught:
        read_audio(path, 15360)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_a_truncated_file_the_rest_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, clicks(), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with caplog.at_level(logging.WARNING):
        found = read_audio(path, RATE)
    np.testing.assert_allclose(found, clicks()[: len(found)], atol=1e-4)
    assert 1.5 * RATE < len(found) < 2.5 * RATE
    assert re.search(r"only \d\.\d s of 3\.0 s", caplog.text)


def test_corrupted_files_never_raise_anything_else(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.m4a", clicks(2.0), "aac").read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(25):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(0, len(data), 40)] = rng.integers(0, 256, 40)
        path = tmp_path / f"{trial}.m4a"
        path.write_bytes(data.tobytes())
        try:
            assert np.isfinite(read_audio(path, 15360)).all()
        except MediaError as error:
            assert str(path) in str(error)
