import os
import signal
import subprocess
import sys
import textwrap
import time

import av
import numpy as np
import pytest

from core_vimo.errors import InputError, MediaError, MissingExtraError
from core_vimo.motion import resample
from edge_adapter.audio import read_audio, write_audio
from stylize.render import encoder
from stylize.render.frames import Painter
from stylize.render.video import shot_of, write_video

SIZE = (128, 160)


class Flash:
    """White between two times."""

    def __init__(self, start_s, end_s):
        self.start_s, self.end_s = start_s, end_s

    def __call__(self, image, time_s):
        if self.start_s - 1e-6 <= time_s < self.end_s - 1e-6:
            image[:] = 255


@pytest.fixture(scope="module")
def click_song(tmp_path_factory):
    """Three seconds of silence with a click at 1.5 s."""
    sound = np.zeros(3 * 44100, np.float32)
    sound[round(1.5 * 44100) :][:40] = 0.9
    path = tmp_path_factory.mktemp("song") / "click.wav"
    write_audio(path, sound, 44100)
    return path


def decoded(path):
    with av.open(str(path)) as container:
        return [(float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def test_decoded_frame_i_is_rendered_frame_i(dance, tmp_path):
    write_video(dance, tmp_path / "dance.mp4", size=SIZE)
    frames = decoded(tmp_path / "dance.mp4")
    painter = Painter(shot_of(dance, SIZE))
    assert len(frames) == len(dance)
    np.testing.assert_allclose([t for t, _ in frames], np.arange(60) / 30, atol=1e-6)
    rendered = np.stack([painter.image(i) for i in range(60)]).astype(np.int16)
    for i, (_, image) in enumerate(frames[::7]):
        error = np.abs(rendered - image).mean((1, 2, 3))
        assert error[7 * i] < 2.5
        assert error.argmin() == 7 * i


def test_flash_and_click_come_together(dance, click_song, tmp_path):
    path = tmp_path / "sync.mp4"
    write_video(dance, path, song=click_song, start_s=0.5, size=SIZE, overlay=Flash(1.0, 1.1))
    flashing = [t for t, image in decoded(path) if image.mean() > 250]
    sound = np.abs(read_audio(path, 48000))
    onset = np.argmax(sound > 0.5 * sound.max()) / 48000
    assert flashing[0] == pytest.approx(1.0, abs=1e-6) and len(flashing) == 3
    assert onset == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("fps", [24.0, 30.0, 29.97])
def test_picture_and_sound_last_as_long_as_the_motion(dance, click_song, tmp_path, fps):
    path = tmp_path / "dance.mp4"
    write_video(dance, path, song=click_song, start_s=2.0, size=SIZE, fps=fps)  # the song ends after half the dance
    with av.open(str(path)) as container:
        picture, sound = container.streams
        assert picture.codec_context.name == "h264" and picture.codec_context.pix_fmt == "yuv420p"
        for stream in (picture, sound):
            assert float(stream.duration * stream.time_base) == pytest.approx(dance.seconds, abs=1 / fps + 1e-3)
            assert stream.start_time == 0
        assert len(resample(dance, fps)) == sum(1 for _ in container.decode(video=0))
    assert np.abs(read_audio(path, 48000)[50000:]).max() < 1e-3, "silence after the song"


def test_the_players_can_start_before_the_file_has_arrived(dance, tmp_path):
    write_video(dance[:5], tmp_path / "dance.mp4", size=SIZE)
    data = (tmp_path / "dance.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_real_song_is_cut_where_asked(dance, shared_data, tmp_path):
    song = shared_data / "music" / "songs" / "vibe_ace.ogg"
    write_video(dance, tmp_path / "dance.mp4", song=song, start_s=10.0, size=SIZE)
    wanted, got = read_audio(song, 48000, 10.0, 2.0), read_audio(tmp_path / "dance.mp4", 48000)[:96000]
    lags = np.fft.irfft(np.fft.rfft(got, 2**18) * np.conj(np.fft.rfft(wanted, 2**18)))
    assert int(lags.argmax()) == 0


def test_progress_counts_every_frame(dance, tmp_path):
    seen = []
    write_video(dance[:6], tmp_path / "d.mp4", size=SIZE, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]


def test_one_frame_makes_a_video(dance, tmp_path):
    write_video(dance[:1], tmp_path / "d.mp4", size=SIZE, follow_dancer=True)
    assert len(decoded(tmp_path / "d.mp4")) == 1


def broken_song(folder, kind):
    path = folder / f"{kind}.mp3"
    if kind == "text":
        path.write_text("no sound in here " * 50)
    if kind == "empty":
        path.touch()
    return path


@pytest.mark.parametrize("kind", ["missing", "empty", "text"])
def test_a_bad_song_is_named_and_leaves_nothing(dance, tmp_path, kind):
    song = broken_song(tmp_path, kind)
    with pytest.raises(MediaError, match=song.name):
        write_video(dance, tmp_path / "out" / "dance.mp4", song=song, size=SIZE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (127, 160)}, "even"),
        ({"size": (32, 160)}, "64"),
        ({"size": (128, 9000)}, "4096"),
        ({"fps": 0.0}, "frames a second"),
        ({"fps": float("nan")}, "frames a second"),
        ({"start_s": -1.0}, "before the song"),
        ({"start_s": float("nan")}, "before the song"),
        ({"start_s": 3.5}, "start earlier"),
    ],
)
def test_bad_wishes_are_refused_before_anything_is_drawn(dance, click_song, tmp_path, change, words):
    with pytest.raises(InputError, match=words):
        write_video(dance, tmp_path / "d.mp4", **{"song": click_song, "size": SIZE, **change})
    assert list(tmp_path.iterdir()) == []


def test_only_mp4_is_written(dance, tmp_path):
    with pytest.raises(InputError, match="\\.mp4"):
        write_video(dance, tmp_path / "d.avi")


def test_a_failure_on_the_way_leaves_nothing(dance, tmp_path):
    def stop(done, total):
        if done == 4:
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        write_video(dance, tmp_path / "d.mp4", size=SIZE, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_without_h264_mpeg4_serves(dance, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "ENCODERS", {"no_such_encoder": {}, "mpeg4": {"q:v": "3"}})
    write_video(dance[:3], tmp_path / "d.mp4", size=SIZE)
    with av.open(str(tmp_path / "d.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_without_any_encoder_the_missing_ones_are_named(dance, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "ENCODERS", {"no_such_encoder": {}})
    with pytest.raises(MissingExtraError, match="no_such_encoder"):
        write_video(dance[:3], tmp_path / "d.mp4", size=SIZE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("how", ["ctrl-c", "kill -9"])
def test_an_early_end_leaves_no_process_and_no_video(tmp_path, how):
    script = tmp_path / "draw.py"
    script.write_text(
        textwrap.dedent("""
        if __name__ == "__main__":  # the drawing processes read this file, too
            import torch
            from core_vimo.motion import Motion
            from stylize.render.video import write_video
            still = Motion.from_axis_angle(torch.zeros(3000, 24, 3), torch.zeros(3000, 3))
            write_video(still, "out/d.mp4", size=(64, 64), workers=2, progress=lambda done, n: print(done, flush=True))
        """)
    )
    with subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True, env=os.environ | {"PYTHONPATH": os.getcwd()},
    ) as child:  # fmt: skip
        for line in child.stdout:
            if int(line) >= 20:
                break
        if how == "ctrl-c":
            os.killpg(child.pid, signal.SIGINT)
        else:
            os.kill(child.pid, signal.SIGKILL)
        child.stdout.read()
        assert child.wait(timeout=60) != 0
    deadline = time.monotonic() + 20
    while group_is_alive(child.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_is_alive(child.pid)
    left = [path.name for path in tmp_path.glob("out/*")]  # a folder that was made for the video may be gone
    assert left == [] if how == "ctrl-c" else all(name.startswith(".writing-") for name in left)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
