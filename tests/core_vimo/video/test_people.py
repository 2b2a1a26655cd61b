"""Following one person: invented stick figures that walk, cross, leave and return, and lie about their order."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.randomness import normal
from core_vimo.video.people import follow

SIZE = (640, 360)
STANDING = torch.tensor(
    [
        (0.0, -0.9), (0.03, -0.93), (-0.03, -0.93), (0.06, -0.92), (-0.06, -0.92), (0.15, -0.7), (-0.15, -0.7),
        (0.2, -0.4), (-0.2, -0.4), (0.22, -0.1), (-0.22, -0.1), (0.1, 0.0), (-0.1, 0.0), (0.1, 0.4), (-0.1, 0.4),
        (0.1, 0.9), (-0.1, 0.9),
    ]
)  # fmt: skip


def figure(x: float, y: float = 180, half_height: float = 90, confidence: float = 0.9) -> Tensor:
    xy = STANDING * half_height + torch.tensor([x, y])
    return torch.cat((xy, torch.full((17, 1), confidence)), dim=-1)


def crowd(*figures: Tensor) -> Tensor:
    return torch.stack(figures) if figures else torch.zeros(0, 17, 3)


def hips_x(keypoints: Tensor) -> Tensor:
    return keypoints[:, 11:13, 0].mean(1)


def test_someone_alone_comes_back_untouched() -> None:
    walk = [figure(100 + 2 * s) for s in range(60)]
    keypoints, choice = follow([crowd(one) for one in walk], (), SIZE)
    assert torch.equal(keypoints, torch.stack(walk))
    assert (choice.shots[0].people, choice.shots[0].seen) == (1, 60)
    assert torch.equal(choice.boxes[:, 1], torch.stack(walk)[:, :, 1].amin(1))


@pytest.mark.parametrize("person", [1, 2])
def test_the_order_of_an_answer_means_nothing(person: int) -> None:
    large, small = [figure(250 + s) for s in range(50)], [figure(500 - s, half_height=50) for s in range(50)]
    shuffled = [
        crowd(*((a, b) if normal((1,), s, "order") > 0 else (b, a)))
        for s, (a, b) in enumerate(zip(large, small, strict=True))
    ]
    keypoints, choice = follow(shuffled, (), SIZE, person)
    assert torch.equal(keypoints, torch.stack((large, small)[person - 1]))
    assert choice.shots[0].people == 2


def test_two_who_cross_stay_who_they_are() -> None:
    rightwards = [figure(120 + 6 * s, half_height=95) for s in range(60)]
    leftwards = [figure(480 - 6 * s, half_height=85) for s in range(60)]
    keypoints, _ = follow([crowd(b, a) for a, b in zip(rightwards, leftwards, strict=True)], (), SIZE)
    assert torch.equal(keypoints, torch.stack(rightwards))


def test_one_hidden_while_crossing_is_found_again() -> None:
    behind = [figure(120 + 6 * s, half_height=85) for s in range(60)]
    before = [figure(480 - 6 * s, half_height=95) for s in range(60)]
    hidden = torch.tensor([27 <= s <= 33 for s in range(60)])
    frames = [crowd(b, *([] if hidden[s] else [a])) for s, (a, b) in enumerate(zip(behind, before, strict=True))]
    keypoints, choice = follow(frames, (), SIZE, person=2)
    assert choice.shots[0].people == 2
    assert torch.equal(keypoints[~hidden], torch.stack(behind)[~hidden])
    assert (keypoints[hidden] == 0).all()


MIRRORED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def test_an_estimator_that_leaps_to_a_passer_by_takes_nobody_along() -> None:
    """It follows bodies by itself: one who is covered is lost to who covers him, turned otherwise, and found later."""
    hidden = figure(250, half_height=90)
    walks = [figure(290 + 2 * s, half_height=100)[MIRRORED] for s in range(80)]
    frames = [crowd(hidden)] * 20 + [crowd(one) for one in walks[:30]] + [crowd(one, hidden) for one in walks[30:]]
    walker, choice = follow(frames, (), SIZE)
    assert choice.shots[0].people == 2
    assert (walker[:20] == 0).all() and torch.equal(walker[20:], torch.stack(walks))
    stays, _ = follow(frames, (), SIZE, person=2)
    assert (hips_x(stays)[:20] == 250).all() and (stays[20:50] == 0).all() and (hips_x(stays)[50:] == 250).all()


def test_a_leap_of_someone_alone_loses_nobody() -> None:
    frames = [crowd(figure(200))] * 40 + [crowd(figure(260))] * 40
    assert follow(frames, (), SIZE)[1].shots[0].seen == 80


def test_left_taken_for_right_makes_nobody_else() -> None:
    frames = [crowd(figure(200 + s)[MIRRORED] if s % 7 < 3 else figure(200 + s)) for s in range(60)]
    keypoints, choice = follow(frames, (), SIZE)
    assert choice.shots[0].people == 1 and torch.equal(keypoints, torch.cat(frames))


def test_someone_who_leaves_and_returns_is_the_same_and_unseen_between() -> None:
    frames = [crowd(figure(60 + s)) if not 30 <= s < 100 else crowd() for s in range(150)]
    keypoints, choice = follow(frames, (), SIZE)
    assert choice.shots[0].people == 1 and choice.shots[0].seen == 80
    assert (keypoints[30:100] == 0).all() and torch.isnan(choice.boxes[30:100]).all()
    assert torch.equal(keypoints[100], frames[100][0])


def test_who_stays_is_not_taken_for_who_left() -> None:
    main = [figure(300, half_height=120) if not 40 <= s < 110 else None for s in range(160)]
    frames = [crowd(*(one for one in (figure(520, half_height=80), main[s]) if one is not None)) for s in range(160)]
    keypoints, choice = follow(frames, (), SIZE)
    assert choice.shots[0].people == 2
    seen = keypoints[..., 2].amax(1) > 0
    assert seen.tolist() == [one is not None for one in main]
    assert (hips_x(keypoints)[seen] == 300).all()


def test_the_longest_seen_wins_over_a_larger_passer_by() -> None:
    frames = [crowd(figure(300), *([figure(200 + 5 * s, half_height=120)] if s < 20 else [])) for s in range(120)]
    keypoints, _ = follow(frames, (), SIZE)
    assert (hips_x(keypoints) == 300).all()


def test_each_shot_chooses_anew() -> None:
    frames = [crowd(figure(200), figure(450, half_height=60)) for _ in range(40)]
    frames += [crowd(figure(450, half_height=100), figure(200, half_height=60)) for _ in range(40)]
    keypoints, choice = follow(frames, (40,), SIZE)
    assert (hips_x(keypoints)[:40] == 200).all() and (hips_x(keypoints)[40:] == 450).all()
    assert [shot.frames for shot in choice.shots] == [slice(0, 40), slice(40, 80)]
    assert "person 1 of 2, seen in 100%" in str(choice)


def test_a_shot_without_a_second_person_stays_empty() -> None:
    frames = [crowd(figure(200), figure(450, half_height=60)) for _ in range(40)] + [crowd(figure(200))] * 40
    keypoints, choice = follow(frames, (40,), SIZE, person=2)
    assert (hips_x(keypoints)[:40] == 450).all() and (keypoints[40:] == 0).all()
    assert choice.shots[1].seen == 0


def test_a_flickering_ghost_is_nobody() -> None:
    frames = [crowd(figure(200), *([figure(500)] if s % 40 == 0 else [])) for s in range(120)]
    assert follow(frames, (), SIZE)[1].shots[0].people == 1


def test_a_noisy_detector_does_not_break_someone_in_two() -> None:
    frames = []
    for s in range(150):
        one = figure(200 + 100 * float(np.sin(s / 10)))
        one[:, :2] += 6 * normal((17, 2), s, "noise")
        one[:, 2] = (normal((17,), s, "dropped") > -0.5).float() * 0.9
        frames.append(crowd(one) if normal((1,), s, "missed") > -1 else crowd())
    _, choice = follow(frames, (), SIZE)
    assert choice.shots[0].people == 1
    assert choice.shots[0].seen == sum(len(found) > 0 for found in frames)


def test_nobody_at_all_is_zeros() -> None:
    keypoints, choice = follow([crowd()] * 10, (), SIZE)
    assert (keypoints == 0).all() and choice.shots[0].people == 0
    assert follow([], (), SIZE)[0].shape == (0, 17, 3)


@pytest.mark.parametrize(("person", "message"), [(3, "person 3 .* more than 1"), (0, "numbered from 1")])
def test_a_person_who_is_not_there_is_refused(person: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        follow([crowd(figure(200))] * 20, (), SIZE, person)
