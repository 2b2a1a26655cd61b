"""The style distance: none within a style whatever the number of windows, rising with what is unlike it."""

from collections.abc import Callable

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.metrics.style import StyleDistance, style_features
from core_vimo.motion import Motion, resample
from core_vimo.randomness import normal


def windows(count: int, key: str, shift: float = 0.0) -> torch.Tensor:
    return normal((count, 104), 0, key).double() + shift


@pytest.mark.parametrize("count", [5, 15, 50])
def test_windows_of_the_style_are_at_0(count: int) -> None:
    distances = [
        StyleDistance(windows(count, f"a{n}"), windows(200, "scale"))(windows(count, f"b{n}")) for n in range(40)
    ]
    assert abs(float(torch.tensor(distances).mean())) < 0.01


def test_the_number_of_windows_does_not_move_it() -> None:
    reference, scale = windows(400, "a"), windows(200, "scale")
    far = [float(StyleDistance(reference, scale)(windows(count, "b", shift=0.5))) for count in (10, 400)]
    assert far[0] == pytest.approx(far[1], rel=0.25)


def test_it_rises_with_the_share_that_is_unlike() -> None:
    reference, scale, ours, other = windows(20, "a"), windows(40, "s"), windows(20, "b"), windows(20, "c", shift=1.0)
    distance = StyleDistance(reference, scale)
    rising = [distance(torch.cat((other[:share], ours[share:]))) for share in (0, 5, 10, 15, 20)]
    assert rising == sorted(rising)


def test_a_feature_that_never_varies_does_not_outweigh_all() -> None:
    scale = windows(20, "s")
    scale[:, [0, 80]] = 0.0
    ours = windows(20, "b")
    ours[:, [0, 80]] = 0.01
    assert StyleDistance(scale, scale)(ours) < 1


def test_one_held_out_window_is_enough(invented_dance: Callable[[int, int], Motion]) -> None:
    slow = [invented_dance(90, key) for key in range(5)]
    quick = [resample(motion, 20.0) for motion in slow]
    quick = [Motion(m.rotations, m.root_m, m.contacts, 30.0) for m in quick]
    features = style_features(slow)
    distance = StyleDistance(features[:1], features)
    assert features.shape == (5, 104) and features.isfinite().all()
    assert distance(features[1:]) < distance(style_features(quick))
    with pytest.raises(InputError, match="no window"):
        style_features([])
