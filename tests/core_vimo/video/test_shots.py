"""Cuts are found where films are cut, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core_vimo.video.decode import frames
from core_vimo.video.shots import ShotFinder, find_cuts

SIZE = (160, 96)


def scene(key: int) -> Image.Image:
    """A picture of soft blobs, three times as large as what is seen of it."""
    coarse = np.random.default_rng(key).integers(0, 256, (30, 48, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((3 * SIZE[0], 3 * SIZE[1]), Image.Resampling.BICUBIC)


def view(key: int, x: float = 0, y: float = 0, zoom: float = 1) -> np.ndarray:
    box = (x, y, x + SIZE[0] * zoom, y + SIZE[1] * zoom)
    return np.asarray(scene(key).resize(SIZE, Image.Resampling.BILINEAR, box=box))


def noisy(picture: np.ndarray, key: int) -> np.ndarray:
    noise = np.random.default_rng(key).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_every_cut_of_a_montage_is_found_at_its_frame() -> None:
    shots = [[noisy(view(key, x=2 * k), k) for k in range(10)] for key in range(6)]
    assert find_cuts(picture for shot in shots for picture in shot) == (10, 20, 30, 40, 50)


def test_a_sudden_zoom_is_a_cut_and_a_slow_one_is_none() -> None:
    assert find_cuts([view(0)] * 10 + [view(0, 40, 24, 0.5)] * 10) == (10,)
    assert find_cuts([view(0, zoom=1.5 + k / 40) for k in range(40)]) == ()


def test_a_cut_between_pictures_shown_twice() -> None:
    pictures = [view(0, x=4 * k) for k in range(8)] + [view(1, x=4 * k) for k in range(8)]
    assert find_cuts(picture for picture in pictures for _ in range(2)) == (16,)


@pytest.mark.parametrize("speed_px", [3, 8, 14])
def test_pans_are_no_cuts(speed_px: int) -> None:
    assert find_cuts(view(0, x=speed_px * k) for k in range(320 // speed_px)) == ()


def test_fades_flashes_and_black_are_no_cuts() -> None:
    steady = [noisy(view(0, x=k), k) for k in range(40)]
    faded = [(picture * min(1, k / 12, (39 - k) / 12)).astype(np.uint8) for k, picture in enumerate(steady)]
    assert find_cuts(faded) == ()
    for blank in (0, 255):
        assert find_cuts([*steady[:20], *[np.full_like(steady[0], blank)] * 4, *steady[24:]]) == ()
    flash = [np.clip(picture * 1.6 + 70, 0, 255).astype(np.uint8) for picture in steady[20:22]]
    assert find_cuts([*steady[:20], *flash, *steady[22:]]) == ()


def test_a_cut_through_black_is_found_when_there_is_something_to_see() -> None:
    black = [np.zeros_like(view(0))] * 5
    assert find_cuts([view(0, x=k) for k in range(10)] + black + [view(1, x=k) for k in range(10)]) == (15,)


def test_nothing_to_see_has_no_cuts() -> None:
    assert find_cuts([]) == () and find_cuts([view(0)]) == ()
    assert find_cuts([np.zeros((1, 1, 3), np.uint8)] * 150) == ()


def test_what_was_seen_long_ago_is_forgotten() -> None:
    one, other = ShotFinder(), ShotFinder()
    for k in range(30):
        one.see(view(0, x=9 * k))
    pictures = [noisy(view(1, x=k), k) for k in range(40)] + [view(2)] * 5
    assert [one.see(picture) for picture in pictures][1:] == [other.see(picture) for picture in pictures][1:]


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("32_SCUBA_Diver.mp4", (5,)), ("95_Collapsing.mp4", (12,)), ("basketball.mp4", ()), ("chaplin.mp4", ()),
        ("skating_left_half.gif", ()), ("solo_dance_music.mp4", ()), ("tennis_moving_camera.mp4", ()),
    ],
)  # fmt: skip
def test_cuts_of_real_videos_as_people_see_them(name: str, cuts: tuple[int, ...], shared_data: Path) -> None:
    assert find_cuts(frames(shared_data / "videos" / name, longest=320)) == cuts
