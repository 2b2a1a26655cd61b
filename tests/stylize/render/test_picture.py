import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from core_vimo.errors import InputError
from core_vimo.motion import Motion, turn
from stylize.render.chart import _round_steps, mean_speed_m_s
from stylize.render.picture import path_and_speed, pose_row, write_contact_sheet, write_png, write_teaser

ORANGE = (208, 138, 108)


def orange_groups(image):
    """How many separate stretches of columns hold orange (left) limbs in the lower half, where legs are."""
    half = image[image.shape[0] // 2 :].astype(int)
    orange = ((half[..., 0] - half[..., 2] > 60) & (half[..., 0] > 120)).sum(0) > 2
    return int((np.diff(orange.astype(int), prepend=0) == 1).sum())


@pytest.mark.parametrize("poses", [1, 4])
def test_a_row_holds_as_many_dancers_as_asked(dance, poses):
    image = pose_row(dance, poses, (640, 240))
    assert image.shape == (240, 640, 3)
    assert orange_groups(image) == poses


def test_a_row_of_one_frame_repeats_it(dance):
    assert orange_groups(pose_row(dance[:1], 2, (480, 240))) == 2


@pytest.mark.parametrize("poses", [0, 25])
def test_a_row_has_limits(dance, poses):
    with pytest.raises(InputError, match="1 to 24"):
        pose_row(dance, poses)


def test_the_sheet_shows_the_dance_from_the_front_whichever_way_it_was_turned(dance, tmp_path):
    for name, motion in {"front": dance, "back": turn(dance, np.pi)}.items():
        write_contact_sheet(motion, tmp_path / f"{name}.png", poses=2, beats_s=[0.5, 1.0])
    front, back = (np.asarray(Pillow.open(tmp_path / f"{name}.png")).astype(int) for name in ("front", "back"))
    assert front.shape == (960, 1920, 3)
    assert np.abs(front[:540] - back[:540]).mean() < 1.0


def test_beats_inside_the_motion_are_drawn_as_lines(dance):
    without = path_and_speed(dance, (800, 200)).astype(int)
    with_beats = path_and_speed(dance, (800, 200), [-1.0, 0.5, 1.5, 7.0]).astype(int)
    changed = (np.abs(with_beats - without)[60:150].max(-1) > 10).mean(0) > 0.8
    assert int((np.diff(changed.astype(int), prepend=0) == 1).sum()) == 2


def test_speed_of_a_steady_glide_is_its_speed(dance):
    root_m = dance.root_m[:1] + torch.arange(60)[:, None] * torch.tensor([[0.02, 0, 0]])
    rotations = dance.rotations[:1].expand(60, -1, -1, -1)
    glide = Motion.from_rotations(rotations, root_m, 30.0)
    np.testing.assert_allclose(mean_speed_m_s(glide), 0.6, rtol=1e-3)


def test_axis_steps_are_round():
    assert _round_steps(20.0, 12).tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert _round_steps(2.4, 4).tolist() == [0, 1, 2]
    assert _round_steps(0.5, 4).tolist() == [0, 0.2, 0.4]


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_the_teaser_moves_at_its_rate(dance, tmp_path, suffix):
    path = tmp_path / f"loop{suffix}"
    write_teaser(dance[:30], path, (96, 96), fps=15)
    with Pillow.open(path) as loop:
        assert loop.n_frames == 15 and loop.size == (96, 96)
        lengths_ms = []
        for frame in range(15):
            loop.seek(frame)
            loop.load()
            lengths_ms.append(loop.info["duration"])
        assert sum(lengths_ms) == pytest.approx(1000, abs=10)


@pytest.mark.parametrize(
    "write",
    [
        lambda motion, path: write_contact_sheet(motion, path.with_suffix(".jpg"), poses=1),
        lambda motion, path: write_teaser(motion[:2], path.with_suffix(".mp4")),
        lambda motion, path: write_png(np.zeros((4, 4, 3), np.uint8), path.with_suffix(".bmp")),
    ],
)
def test_other_suffixes_are_refused_and_nothing_is_written(dance, tmp_path, write):
    with pytest.raises(InputError, match=r"\.(png|webp)"):
        write(dance, tmp_path / "picture")
    assert list(tmp_path.iterdir()) == []
