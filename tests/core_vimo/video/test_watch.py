"""Watching: films made here, and an estimator that takes every red square for a person."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError, MediaError
from core_vimo.footage import write_footage
from core_vimo.video.watch import footage_of, observe

Draw = Callable[[int], np.ndarray]
WIDTH, HEIGHT, SIDE = 320, 180, 40


class RedSquares:
    """A person is a red square; all 17 joints lie on its diagonal."""

    name = "red squares"

    def __init__(self) -> None:
        self.shots = 1
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, rgb: np.ndarray) -> Tensor:
        self.seen.append(rgb.shape)
        red = (rgb[..., 0] > 150) & (rgb[..., 1] < 100)
        rows, columns = np.nonzero(red)
        if not len(rows):
            return torch.zeros(0, 17, 3)
        corners = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
        diagonal = np.linspace(*corners, 17)
        return torch.tensor(np.c_[diagonal, np.full(17, 0.9)], dtype=torch.float32)[None]

    def new_shot(self) -> None:
        self.shots += 1

    def close(self) -> None:
        raise AssertionError("an estimator that was handed in stays open")


def scene(key: int) -> np.ndarray:
    """A background with something to see, another one for each key."""
    coarse = np.random.default_rng(key).integers(30, 140, (9, 16, 3))
    coarse[..., 0] = coarse[..., 1]
    return np.kron(coarse, np.ones((20, 20, 1))).astype(np.uint8)


def with_square(picture: np.ndarray, x: int, y: int = 60) -> np.ndarray:
    picture = picture.copy()
    picture[y : y + SIDE, max(x, 0) : x + SIDE] = (255, 0, 0)
    return picture


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """(draw, frames, fps) -> an mp4 of `draw(frame)`."""

    def make(draw: Draw, frames: int, fps: int = 30) -> Path:
        path = tmp_path / "clip.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for frame in range(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(frame), format="rgb24")))
            container.mux(stream.encode())
        return path

    return make


def test_someone_walking_is_followed_in_pixels_of_the_video(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 20 + 3 * s), 45)
    told: list[tuple[str, int, int]] = []
    sight = observe(path, estimator=RedSquares(), report=lambda *what: told.append(what))
    footage = sight.footage
    assert (len(footage), footage.pose.size, footage.cuts, footage.source) == (45, (WIDTH, HEIGHT), (), "clip.mp4")
    middle = torch.arange(45) * 3.0 + 40
    assert (footage.pose.xy[:, 8, 0] - middle).abs().max() < 2
    assert (sight.choice.boxes[:, 0] - (middle - 20)).abs().max() < 2
    assert told[0] == ("looking", 1, 45) and told[-1] == ("looking", 45, 45)


def test_a_large_video_is_looked_at_small_and_answered_large(shared_data: Path) -> None:
    class Corner(RedSquares):
        def __call__(self, rgb: np.ndarray) -> Tensor:
            self.seen.append(rgb.shape)
            corner = torch.tensor([rgb.shape[1], rgb.shape[0], 0.9])
            return torch.linspace(0.2, 1, 17)[None, :, None] * corner

    estimator = Corner()
    footage = footage_of(shared_data / "videos" / "solo_dance_music.mp4", estimator=estimator, seconds=0.5)
    assert set(estimator.seen) == {(640, 360, 3)}
    assert footage.pose.xy[0, -1].tolist() == [1080, 1920]


def test_a_cut_is_told_to_the_estimator_and_kept(film: Callable[..., Path]) -> None:
    estimator = RedSquares()
    path = film(lambda s: with_square(scene(0 if s < 30 else 7), 40 if s < 30 else 200), 60)
    footage = footage_of(path, estimator=estimator)
    assert footage.cuts == (30,) and estimator.shots == 2
    assert (footage.pose.confidence > 0).all()


def test_where_nobody_is_seen_confidence_is_0(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 100) if not 20 <= s < 40 else scene(0), 60)
    footage = footage_of(path, estimator=RedSquares())
    assert (footage.pose.confidence[20:40] == 0).all()
    assert (footage.pose.confidence[:20] > 0).all() and (footage.pose.confidence[40:] > 0).all()


def test_a_slow_film_moves_on_between_its_pictures(film: Callable[..., Path]) -> None:
    estimator = RedSquares()
    footage = footage_of(film(lambda s: with_square(scene(0), 20 + 10 * s), 20, fps=10), estimator=estimator)
    assert len(estimator.seen) == 20  # no picture is looked at twice
    steps = footage.pose.xy[:-3, 8, 0].diff()
    assert (steps > 2).all() and (steps < 5).all()  # 10 pixels in three frames, not 10, 0, 0


def test_an_excerpt(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 20 + 3 * s), 60)
    footage = footage_of(path, estimator=RedSquares(), start_s=0.5, seconds=1)
    assert len(footage) == 30
    assert abs(float(footage.pose.xy[0, 8, 0]) - (40 + 3 * 15)) < 4


@pytest.mark.parametrize(
    ("draw", "frames", "message"),
    [
        (lambda s: scene(0), 40, "red squares sees nobody in its 1.3 s; .*try the estimator"),
        (lambda s: np.zeros((HEIGHT, WIDTH, 3), np.uint8), 150, "5.0 s are black throughout"),
        (lambda s: with_square(scene(0), 50), 1, "shows 1 picture"),
    ],
    ids=["nobody", "black", "one frame"],
)
def test_what_cannot_become_a_motion_is_told_in_one_sentence(
    draw: Draw, frames: int, message: str, film: Callable[..., Path]
) -> None:
    with pytest.raises(InputError, match=rf"clip\.mp4: .*{message}") as caught:
        footage_of(film(draw, frames), estimator=RedSquares())
    assert "\n" not in str(caught.value)


def test_a_film_of_240_pictures_a_second_lasts_as_long_as_it_does(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 20 + s // 4), 240, fps=240)
    eye = RedSquares()
    footage = footage_of(path, estimator=eye)
    assert len(footage) == len(eye.seen) == 30
    assert abs(float(footage.pose.xy[15, 8, 0]) - (40 + 30)) < 4


def test_a_person_who_is_not_there_is_told_with_the_file(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 50), 30)
    with pytest.raises(InputError, match=r"clip\.mp4: person 2 was asked for"):
        footage_of(path, estimator=RedSquares(), person=2)


def test_what_is_no_video_is_told_before_an_estimator_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a film")
    with pytest.raises(MediaError, match=r"notes\.mp4"):
        footage_of(path, estimator="no such estimator")


def test_memory_does_not_grow_with_the_pictures(film: Callable[..., Path]) -> None:
    path = film(lambda s: with_square(scene(0), 20 + s % 200), 300)
    tracemalloc.start()
    footage_of(path, estimator=RedSquares())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * WIDTH * HEIGHT * 3  # 300 pictures went by


def test_footage_is_read_back_as_footage(film: Callable[..., Path], tmp_path: Path) -> None:
    path = film(lambda s: with_square(scene(0 if s < 30 else 7), 40 if s < 30 else 200), 60)
    seen = footage_of(path, estimator=RedSquares())
    write_footage(seen, tmp_path / "clip.poses.json")
    again = footage_of(tmp_path / "clip.poses.json", start_s=0.5)
    assert len(again) == 45 and again.cuts == (15,)
    assert torch.allclose(again.pose.keypoints, seen.pose.keypoints[15:], atol=0.01)
    assert torch.equal(footage_of(path, estimator=RedSquares()).pose.keypoints, seen.pose.keypoints)


def test_footage_without_anybody_in_the_asked_part_is_refused(film: Callable[..., Path], tmp_path: Path) -> None:
    path = film(lambda s: with_square(scene(0), 100) if s < 20 else scene(0), 60)
    write_footage(footage_of(path, estimator=RedSquares()), tmp_path / "clip.poses.json")
    with pytest.raises(InputError, match=r"clip\.poses\.json: shows nobody in the asked part"):
        footage_of(tmp_path / "clip.poses.json", start_s=1)


def test_two_people_of_a_coco_file_are_told_apart(tmp_path: Path) -> None:
    def figure(x: float) -> list[float]:
        return [number for joint in range(17) for number in (x + joint % 5, 50.0 + 5 * joint, 0.9)]

    people = [
        {"image_id": s, "category_id": 1, "keypoints": figure(x), "score": 0.9} for s in range(60) for x in (100, 300)
    ]
    path = tmp_path / "people.json"
    path.write_text(json.dumps(people))
    one, other = (footage_of(path, person=person, fps=60, size=(640, 360)) for person in (1, 2))
    assert len(one) == 30 and one.pose.size == (640, 360)  # a second
    assert abs(one.pose.xy[..., 0] - other.pose.xy[..., 0]).min() == 200
    assert len(one.pose.xy[..., 0].unique()) == 5


def test_an_excerpt_before_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no excerpt"):
        footage_of(tmp_path / "people.json", start_s=-1)
