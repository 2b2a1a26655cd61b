"""Songs that are none, and settings that make no dance."""

import struct

import numpy as np
import pytest
import soundfile

from stylize.cli import main


def wav(rate: int, claimed: int, data: bytes) -> bytes:
    head = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + claimed) + b"WAVEfmt " + head + b"data" + struct.pack("<I", claimed) + data


TONE = (0.5 * np.sin(np.arange(44100) / 9)).astype(np.float32)
MAKERS = {
    "empty.mp3": lambda path: path.touch(),
    "text.mp3": lambda path: path.write_text("la la la " * 500),
    "folder.mp3": lambda path: path.mkdir(),
    "an hour of nothing.wav": lambda path: path.write_bytes(wav(44100, 2 * 44100 * 3600, b"")),
    "one hertz.wav": lambda path: path.write_bytes(wav(1, 4000, bytes(4000))),
    "no samples.wav": lambda path: soundfile.write(path, TONE[:0], 44100),
    "too short.wav": lambda path: soundfile.write(path, TONE[:4000], 44100),
    "nan.wav": lambda path: soundfile.write(path, np.where(TONE > 0.4, np.nan, TONE), 44100, subtype="FLOAT"),
    "too loud.wav": lambda path: soundfile.write(path, TONE * np.float32(1e38), 44100, subtype="FLOAT"),
    "playlist.mp3": lambda path: path.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n"),
    "new\nline\x1b[31m.mp3": lambda path: path.write_text("no song"),
    "-dash.mp3": lambda path: path.write_text("no song"),
    "missing.mp3": lambda path: None,
    "nul\0.mp3": lambda path: None,
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_song_ends_in_one_sentence_that_names_it(name, refused_dance, tmp_path):
    MAKERS[name](tmp_path / name)
    said = refused_dance(tmp_path / name)
    assert name.replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\0", "\\x00") in said


@pytest.mark.parametrize(
    "setting",
    [
        "seconds=-3",
        "seconds=nan",
        "seconds=inf",
        "seconds=0.5",
        "start=nan",
        "start=1e300",
        "start=99",
        "takes=0",
        "takes=101",
        "steps=0",
        "guidance=nan",
        "seed=x",
        "seed=" + "9" * 5000,
        "tempo=third",
        "size=axb",
        "size=" + "9" * 5000 + "x9",
        "again=/nowhere.json",
        "bundle=/nowhere",
        "nonsense=1",
    ],
)
def test_settings_that_make_no_dance(setting, refused_dance, song):
    name, _, value = setting.partition("=")
    refused_dance(song, f"--{name}={value}")


@pytest.mark.parametrize("layout", ["8 kHz", "5.1"])
def test_odd_but_sound_songs_are_danced_to(layout, tiny_bundle, tmp_path):
    name = tmp_path / "Übung – 踊り.wav"
    soundfile.write(
        name,
        TONE[:16000] if layout == "8 kHz" else np.repeat(TONE[:, None], 6, 1),
        8000 if layout == "8 kHz" else 44100,
    )
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    arguments = ["dance", str(name), "--bundle", str(tiny_bundle), "--steps", "2", "--no-video", "--out", str(out)]
    assert main([*arguments, "--seed", "-" + "9" * 60]) == 0
    assert (out / "mine.txt").read_text() == "mine"
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
