"""Held-out clips and their films; the guess that needs no video."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.motion import Motion, turn
from core_vimo.rotations import FRONT, about_z, heading
from core_vimo.skeleton import FEET, TOE_HEIGHT_M
from core_vimo.video_to_motion.held_out import CONDITIONS, Clip, clips_of, filmed, spread_over
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, write_motion_set
from core_vimo.video_to_motion.reprojection import reproject
from core_vimo.video_to_motion.standing import mean_pose, standing

Invented = Callable[[int, int], Motion]


def motions(folder: Path, invented_dance: Invented, *frames: int) -> MotionSet:
    write_motion_set([StoredMotion(f"m{n}", invented_dance(n, n), split="test") for n in frames], folder)
    return MotionSet(folder, "test")


def test_clips_follow_one_another_and_short_ends_are_dropped(tmp_path: Path, invented_dance: Invented) -> None:
    clips = clips_of(motions(tmp_path / "set", invented_dance, 375, 374, 150, 40, 29))
    found = [(clip.name, len(clip.motion)) for clip in clips]
    assert found == [
        *(("m375 from 0", 150), ("m375 from 150", 150), ("m375 from 300", 75)),
        *(("m374 from 0", 150), ("m374 from 150", 150), ("m150 from 0", 150), ("m40 from 0", 40)),
    ]
    assert clips[1].motion.root_m.equal(invented_dance(375, 375).root_m[150:300])


def test_motions_of_less_than_a_second_are_none(tmp_path: Path, invented_dance: Invented) -> None:
    with pytest.raises(InputError, match="no motion of it lasts 1 s"):
        clips_of(motions(tmp_path / "set", invented_dance, 29, 20))


def test_few_clips_are_spread_over_all(invented_dance: Invented) -> None:
    clips = [Clip(str(number), invented_dance(30, 0)) for number in range(9)]
    assert [clip.name for clip in spread_over(clips, 3)] == ["0", "4", "8"]
    assert spread_over(clips, None) == spread_over(clips, 20) == clips


@pytest.fixture(scope="module")
def clip(invented_dance: Invented) -> Clip:
    return Clip("dance", invented_dance(150, 3))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_film_is_a_function_of_its_seed_and_clip(clip: Clip, condition: str) -> None:
    first, again, other = (filmed(clip, CONDITIONS[condition], seed) for seed in (0, 0, 1))
    assert first.footage.pose.keypoints.equal(again.footage.pose.keypoints)
    assert not first.footage.pose.keypoints.equal(other.footage.pose.keypoints)
    assert bool(first.footage.cuts) == (condition == "cut")


def test_missing_is_the_static_film_with_fewer_joints(clip: Clip) -> None:
    static, missing = (filmed(clip, CONDITIONS[name], 0) for name in ("static", "missing"))
    assert static.truth.root_m.equal(missing.truth.root_m), "the same camera"
    seen = [float((film.footage.pose.confidence > 0).float().mean()) for film in (static, missing)]
    assert 0.6 * seen[0] < seen[1] < 0.8 * seen[0]


def test_the_truth_is_what_the_footage_shows_from_the_front(clip: Clip) -> None:
    """The camera that suits the truth looks along +y, as a static one does from first to last."""
    film = filmed(clip, CONDITIONS["static"], 2)
    seen = reproject(film.truth, film.footage)
    assert abs(float(seen.yaw)) < 0.25
    assert seen.of_height < 0.05
    assert film.truth.joints_m()[:, FEET, 2].amin(1).quantile(0.05) == pytest.approx(TOE_HEIGHT_M, abs=1e-5)


def test_the_mean_pose_of_one_pose_is_that_pose_seen_from_the_front(invented_dance: Invented) -> None:
    still = standing(invented_dance(1, 4).rotations[0], 20)
    pose = mean_pose([turn(still, 1.0), turn(still, -2.0)])
    torch.testing.assert_close(pose[1:], still.rotations[0, 1:], atol=1e-5, rtol=0)
    assert float(heading(pose[0])) == pytest.approx(FRONT, abs=1e-4)


def test_the_mean_pose_lies_between_two(invented_dance: Invented) -> None:
    upright = standing(invented_dance(1, 4).rotations[0], 5)
    bent = [upright.rotations.clone() for _ in range(2)]
    for rotations, angle in zip(bent, (0.0, 0.6), strict=True):
        rotations[:, 16] = about_z(angle)
    pose = mean_pose([Motion.from_rotations(rotations, upright.root_m) for rotations in bent])
    torch.testing.assert_close(pose[16], about_z(0.3), atol=1e-5, rtol=0)
