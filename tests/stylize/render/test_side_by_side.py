import math

import av
import numpy as np
import pytest
import torch

from core_vimo.errors import InputError, MediaError
from core_vimo.footage import Footage
from core_vimo.motion import concatenate, move
from core_vimo.pose2d import Pose2D
from edge_adapter.audio import read_audio
from stylize.render.encoder import Mp4Encoder
from stylize.render.frames import Painter, to_planes
from stylize.render.side_by_side import Layout, beside, stage_of, write_side_by_side

RATE = 48000
SMALL = (400, 160)


def nobody(frames=60, size=(96, 128), cuts=()):
    return Footage(Pose2D(torch.zeros(frames, 17, 3), size), cuts)


def film_of(path, seconds, size, click_s=None):
    """Each frame one grey, 4 brighter than the last; with `click_s`, sound that clicks there."""

    def sound():
        samples = np.zeros((2, round(seconds * RATE)), np.float32)
        samples[:, round(click_s * RATE) :][:, :40] = 0.9
        for first in range(0, samples.shape[1], 1024):
            yield samples[:, first : first + 1024]

    with Mp4Encoder(path, size, 30, None if click_s is None else sound()) as encoder:
        for frame in range(round(seconds * 30)):
            encoder.add(to_planes(np.full((size[1], size[0], 3), 4 * (frame % 60), np.uint8)))
    return path


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film_of(tmp_path_factory.mktemp("video") / "portrait.mp4", 2, (96, 128), click_s=1.5)


def test_frame_i_shows_video_and_motion_at_that_time(dance, video, tmp_path):
    write_side_by_side(dance[15:45], nobody(30), video, tmp_path / "f.mp4", start_s=0.5, size=SMALL)
    films = decoded(tmp_path / "f.mp4")
    layout = Layout.of((96, 128), 1, SMALL)
    left = [float(image[layout.panel[1] // 2 :, : layout.panel[0] - 4].mean()) for image in films]
    np.testing.assert_allclose(left, [4 * (15 + i) for i in range(30)], atol=3.0)
    stage = Painter(stage_of([dance[15:45]], layout.stage))
    for frame in (0, 13, 29):
        right = films[frame][:, layout.panel[0] :].astype(int)
        errors = [np.abs(right - stage.image(k)).mean() for k in range(30)]
        assert int(np.argmin(errors)) == frame


def test_the_video_s_own_sound_comes_at_its_time(dance, video, tmp_path):
    write_side_by_side(dance[15:55], nobody(40), video, tmp_path / "f.mp4", start_s=0.5, size=SMALL)
    sound = np.abs(read_audio(tmp_path / "f.mp4", RATE))
    assert np.argmax(sound > 0.5 * sound.max()) / RATE == pytest.approx(1.0, abs=0.002)


def late(source, path, stream, by_s):
    """The same packets, one track later."""
    with av.open(str(source)) as given, av.open(str(path), "w") as taken:
        tracks = {track.index: taken.add_stream_from_template(track) for track in given.streams}
        packets = [packet for packet in given.demux() if packet.dts is not None]
        for packet in packets:
            if packet.stream.type == stream:
                shift = round(by_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = tracks[packet.stream.index]
            taken.mux(packet)
    return path


@pytest.mark.parametrize(("stream", "expected_s"), [("audio", 1.75), ("video", 1.25)])
def test_tracks_that_begin_apart_stay_together(dance, video, tmp_path, stream, expected_s):
    shifted = late(video, tmp_path / "late.mkv", stream, 0.25)
    write_side_by_side(dance, nobody(), shifted, tmp_path / "f.mp4", size=SMALL)
    sound = np.abs(read_audio(tmp_path / "f.mp4", RATE))
    assert np.argmax(sound > 0.5 * sound.max()) / RATE == pytest.approx(expected_s, abs=0.003)


def test_a_silent_video_makes_a_silent_film(dance, tmp_path):
    silent = film_of(tmp_path / "s.mp4", 0.2, (96, 128))
    write_side_by_side(dance[:6], nobody(6), silent, tmp_path / "f.mp4", size=SMALL)
    with av.open(str(tmp_path / "f.mp4")) as container:
        assert [track.type for track in container.streams] == ["video"]


def test_what_ends_early_holds_its_last_picture(dance, tmp_path):
    short = film_of(tmp_path / "s.mp4", 0.2, (96, 128))
    write_side_by_side(dance[:12], nobody(4), short, tmp_path / "f.mp4", size=SMALL)
    films = decoded(tmp_path / "f.mp4")
    assert len(films) == 12
    assert films[11][100:, :60].mean() == pytest.approx(4 * 5, abs=2)


@pytest.mark.parametrize("takes", [1, 2, 4])
@pytest.mark.parametrize("filmed", [(1080, 1920), (1920, 1080), (640, 640), (100, 2000), (3000, 200), (17, 31)])
def test_both_sides_share_a_height_inside_the_size(filmed, takes):
    layout = Layout.of(filmed, takes, (1600, 720))
    assert layout.panel[1] == layout.stage[1] == layout.size[1] <= 720
    assert (layout.size[0] <= 1600 and layout.size[0] >= 1500) or layout.size[1] == 720
    assert all(side % 2 == 0 for size in (layout.panel, layout.stage) for side in size)
    assert layout.picture[0] <= layout.panel[0] and layout.picture[1] <= layout.panel[1]
    shape = layout.picture[0] / layout.picture[1] * filmed[1] / filmed[0]
    assert shape == pytest.approx(1, abs=0.04)


def test_planes_beside_each_other_are_the_picture_s_planes():
    pictures = np.random.default_rng(0).integers(0, 255, (2, 20, 24, 3), dtype=np.uint8)
    left, right = (to_planes(np.repeat(np.repeat(p, 2, 0), 2, 1)) for p in pictures)
    both = to_planes(np.repeat(np.repeat(np.concatenate(pictures, 1), 2, 0), 2, 1))
    difference = np.abs(beside(left, right).astype(int) - both)
    assert difference[:40].max() <= 1 and (difference > 1).mean() < 0.02  # chroma is filtered across the seam


def test_takes_stand_in_a_row_and_apart(dance):
    shot = stage_of([dance, move(dance, torch.tensor([5.0, 2.0, 0.0])), dance[:20]], (300, 160))
    x = shot.joints_m[..., 0]
    assert (x.max(-1)[:, :-1] < x.min(-1)[:, 1:]).all(), "at any moment"
    assert shot.joints_m.shape[:2] == (60, 3)
    np.testing.assert_array_equal(shot.joints_m[19, 2], shot.joints_m[59, 2])
    np.testing.assert_allclose(shot.joints_m[..., 2][:20, 0], dance.joints_m()[:20, :, 2].numpy(), atol=1e-6)


def test_the_camera_stands_where_the_video_s_did_however_one_turns(dance):
    """Its motion faces the first camera; the side that the person faces most has no say."""
    axes = stage_of([dance], (160, 160)).camera.axes
    right, backwards = axes[0], axes[2]
    np.testing.assert_allclose(right, (1, 0, 0), atol=1e-6)
    assert backwards[1] < 0 and math.isclose(backwards[0], 0, abs_tol=1e-6)


def test_far_travellers_are_followed(dance):
    far = concatenate([move(dance, torch.tensor([float(k), 0.0, 0.0])) for k in range(5)])
    assert len(stage_of([far], (160, 160)).camera.eyes_m) == len(far)
    assert len(stage_of([dance], (160, 160)).camera.eyes_m) == 1


def test_keypoints_alone_lie_on_a_plain_ground(dance, tmp_path):
    write_side_by_side(dance[:3], nobody(3), None, tmp_path / "f.mp4", size=SMALL)
    assert len(decoded(tmp_path / "f.mp4")) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (401, 160)}, "even"),
        ({"seconds": 0}, "more than 0"),
        ({"seconds": float("nan")}, "more than 0"),
        ({"start_s": 99.0}, "start earlier"),
        ({"start_s": -1.0}, "start"),
        ({"path": "f.avi"}, "mp4"),
        ({"motion": []}, "1 to 4"),
    ],
)
def test_bad_wishes_end_in_a_sentence_and_leave_nothing(dance, video, tmp_path, change, words):
    wish = {"motion": dance[:3], "path": "f.mp4", "size": SMALL} | change
    motion, path = wish.pop("motion"), tmp_path / wish.pop("path")
    with pytest.raises(InputError, match=words):
        write_side_by_side(motion, nobody(3), video, path, **wish)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_video_is_named(dance, tmp_path):
    (tmp_path / "bad.mp4").write_text("no film in here " * 40)
    with pytest.raises(MediaError, match="cannot be read"):
        write_side_by_side(dance[:3], nobody(3), tmp_path / "bad.mp4", tmp_path / "f.mp4", size=SMALL)
    assert not (tmp_path / "f.mp4").exists()
