import math
from itertools import islice

import pytest
import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.rotations import heading
from core_vimo.training.plan import BatchPlan, Shard, load_from
from core_vimo.video_to_motion.aist import AistFolder
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.motion_set import MotionSet, write_motion_set

SEEN, FIRST_FRAME = slice(51, 68), 71


@pytest.fixture(scope="module")
def motions(motion_folder) -> MotionSet:
    return MotionSet(motion_folder)


@pytest.fixture(scope="module")
def codec(motions) -> MotionCodec:
    return MotionCodec.fit(motions.motions(), any_heading=True)


@pytest.fixture(scope="module")
def aist_set(aist_folder, tmp_path_factory) -> MotionSet:
    folder = tmp_path_factory.mktemp("aist_set") / "set"
    write_motion_set(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21", mirrored=False), folder)
    return MotionSet(folder)


def test_windows_are_a_function_of_index_and_epoch(motions, codec):
    windows = FilmedWindows(motions, codec, frames=150, stride=15, seed=0)
    # 200 frames hold starts 0, 15, 30, 45; 170 hold 0, 15; 90 hold none.
    assert len(windows) == 6
    first, again, later = windows[(2, 0)], windows[(2, 0)], windows[(2, 1)]
    assert first["x"].shape == (150, 151) and first["condition"].shape == (1, 150, 72)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["x"], later["x"])
    other = FilmedWindows(motions, codec, frames=150, stride=15, seed=1)[(2, 0)]
    assert not torch.equal(first["condition"], other["condition"])


@pytest.mark.parametrize("more_views", [0.0, 0.5, 1.0])
def test_the_first_view_is_always_there_and_others_by_chance(motions, codec, more_views):
    windows = FilmedWindows(motions, codec, 90, 15, seed=0, views=3, more_views=more_views)
    conditions = torch.stack([windows[(index % len(windows), index)]["condition"] for index in range(60)])
    there = (conditions[:, :, 0, FIRST_FRAME] == 1).float()
    assert there[:, 0].all()
    assert (there[:, 1:].mean() - more_views).abs() < 0.2
    assert not conditions[there == 0].any()
    both = conditions[there[:, 1] == 1]
    assert not len(both) or not torch.equal(both[:, 0], both[:, 1])


def test_fewer_views_asked_for_leave_the_first_as_it_was(motions, codec):
    one, three = (FilmedWindows(motions, codec, 90, 15, 0, views=count, more_views=1.0)[(3, 2)] for count in (1, 3))
    assert torch.equal(one["condition"][0], three["condition"][0]) and torch.equal(one["x"], three["x"])


def test_the_same_movement_turned_is_the_same_target_up_to_its_camera(motions, codec):
    """The target's heading depends on the camera alone: it starts over the origin, turned every way over epochs."""
    windows = FilmedWindows(motions, codec, 90, 15, seed=0)
    headings = torch.stack([heading(codec.decode(windows[(0, e)]["x"]).rotations[0, 0]) for e in range(40)])
    assert torch.polar(torch.ones(40), headings).mean().abs() < 0.6
    assert headings.std() > math.radians(30)


@pytest.mark.parametrize("workers", [2])
def test_batches_are_the_same_for_any_number_of_workers(motions, codec, workers):
    windows = FilmedWindows(motions, codec, frames=90, stride=15, seed=3, views=2)
    shard = Shard(BatchPlan(seed=3, length=len(windows), batch_size=4))
    alone = list(islice(load_from(windows, shard, 1, workers=0), 5))
    spread = list(islice(load_from(windows, shard, 1, workers=workers), 5))
    for one, other in zip(alone, spread, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_real_views_are_chosen_at_random_and_the_unseen_one_never(aist_set):
    codec = MotionCodec.fit(aist_set.motions(), any_heading=True)
    windows = FilmedWindows(aist_set, codec, 150, 150, seed=0, views=9, more_views=1.0)
    condition = windows[(0, 0)]["condition"]
    assert condition[:8, :, SEEN].any(-1).any(-1).all(), "eight views saw somebody"
    assert not condition[8].any(), "the ninth showed nobody surely enough"
    one = FilmedWindows(aist_set, codec, 150, 150, seed=0)
    firsts = {tuple(one[(0, epoch)]["condition"][0, 100, :4].tolist()) for epoch in range(40)}
    assert 4 < len(firsts) <= 8


def test_a_real_camera_sets_the_heading(aist_set):
    """Cameras stand 40 degrees apart, so do the targets; a mirrored or forgotten camera would break this."""
    codec = MotionCodec.fit(aist_set.motions(), any_heading=True)
    windows = FilmedWindows(aist_set, codec, 150, 150, seed=0)
    headings = torch.stack([heading(codec.decode(windows[(0, e)]["x"]).rotations[0, 0]) for e in range(40)])
    steps = (headings - headings[0]) / math.radians(40)
    assert (steps - steps.round()).abs().max() < 0.02
    assert len({int(step) % 9 for step in steps.round()}) > 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 0}, "whole numbers of frames"),
        ({"stride": 1.5}, "whole numbers of frames"),
        ({"frames": 999}, "the longest motion has 200 frames, a window needs 999"),
        ({"views": 0}, "data.views=0 must be 1 or more"),
        ({"more_views": 1.5}, "lie between 0 and 1"),
    ],
)
def test_impossible_windows_are_refused(motions, codec, settings, message):
    with pytest.raises(InputError, match=message):
        FilmedWindows(motions, codec, **({"frames": 90, "stride": 15, "seed": 0} | settings))


@pytest.mark.parametrize("index", range(4))
def test_the_target_seen_from_the_front_is_what_the_first_view_saw(aist_folder, tmp_path, index):
    """Looking along +y, x to the right and z up, mirrored variants too; perspective and the camera's height differ."""
    write_motion_set(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21"), tmp_path / "set")
    motions = MotionSet(tmp_path / "set")
    codec = MotionCodec.fit(motions.motions(), any_heading=True)
    windows = FilmedWindows(motions, codec, 150, 150, seed=0)
    for epoch in range(6):
        item = windows[(index, epoch)]
        motion = codec.decode(item["x"])
        flat = coco_joints_m(motion.rotations, motion.root_m)[..., [0, 2]]
        flat = flat - flat[:, [11, 12]].mean(1, keepdim=True)
        size = (flat.amax(1) - flat.amin(1)).amax(-1)
        evidence = item["condition"][0]
        seen = evidence[:, SEEN] > 0
        off = (flat / size[:, None, None] - evidence[:, :34].unflatten(1, (17, 2))).norm(dim=-1)
        assert off[seen].mean() < 0.06
