"""A song, and a dance made for it by the command."""

import pytest

from edge_adapter.audio import write_audio
from edge_adapter.sequencer import make_score, render
from stylize.cli import main


@pytest.fixture(scope="session")
def song(tmp_path_factory):
    """Nine seconds of pop at 120."""
    track = render(make_score(1, 9.0, "pop", 120.0), 22050)
    path = tmp_path_factory.mktemp("songs") / "my song.wav"
    write_audio(path, track.samples, track.rate)
    return path


@pytest.fixture(scope="session")
def made(song, tiny_bundle, tmp_path_factory):
    """(its folder, with two takes; the options it was made with)"""
    out = tmp_path_factory.mktemp("made") / "dance"
    options = ["--bundle", str(tiny_bundle), "--steps", "3", "--seconds", "6", "--start", "1", "--size", "96x96"]
    assert main(["dance", str(song), "--out", str(out), "--takes", "2", *options]) == 0
    return out, options
