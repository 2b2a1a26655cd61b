import math
from itertools import islice

import pytest
import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.evidence import evidence_tensor
from core_vimo.losses_2d import Settings2D
from core_vimo.randomness import generator
from core_vimo.rotations import heading
from core_vimo.training.plan import BatchPlan, Shard, load_from
from core_vimo.video_to_motion.aist import AistFolder
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, Views, write_motion_set
from core_vimo.virtual_cameras import film

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
    one = FilmedWindows(aist_set, codec, 150, 150, seed=0, worse=0.0)
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
        ({"more_views": 1.5}, "data.more_views=1.5 must be a number from 0 to 1"),
        ({"worse": -0.1}, "data.worse=-0.1 must be a number"),
        ({"other_sides": "half"}, "data.other_sides=half must be a number"),
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
    windows = FilmedWindows(motions, codec, 150, 150, seed=0, worse=0.0)
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


def seen_again(item, codec):
    """Pixels `[V, S, 17, 2]` of what the window's x decodes to, through the window's cameras."""
    motion = codec.decode(item["x"])
    coco_m = coco_joints_m(motion.rotations, motion.root_m)
    points = coco_m @ item["R_camera_world"].mT + item["t_camera_m"][..., None, :]
    image = points @ item["intrinsics"].mT
    return image[..., :2] / image[..., 2:]


@pytest.fixture(scope="module")
def exactly_filmed(motions, tmp_path_factory) -> MotionSet:
    """A moving camera's views, in shots, without a detector's errors."""
    stored = motions[0]
    coco_m = coco_joints_m(stored.motion.rotations, stored.motion.root_m)
    taken = [film(coco_m, generator(key, "exactly"), kind) for key, kind in enumerate(("cut", "moving", "static"))]
    sure = torch.ones(3, len(coco_m), 17, 1)
    views = Views(
        torch.cat((torch.stack([view.true_xy for view in taken]), sure), dim=-1),
        torch.tensor([view.size for view in taken]),
        torch.stack([view.camera.intrinsics for view in taken]),
        torch.stack([view.camera.R_camera_world for view in taken]),
        torch.stack([view.camera.t_camera_m for view in taken]),
        torch.stack([view.cuts for view in taken]),
    )
    folder = tmp_path_factory.mktemp("exactly") / "set"
    write_motion_set([StoredMotion("filmed", stored.motion, views)], folder)
    return MotionSet(folder)


@pytest.mark.parametrize("narrow", [False, True])
def test_cameras_follow_the_motion_to_where_its_channels_decode(exactly_filmed, codec, narrow):
    """Also where the codec's range is too narrow for the dancer's speed, so that the path it decodes is another."""
    if narrow:
        scale, offset = codec.scale.clone(), codec.offset.clone()
        scale[4:6] *= 4
        codec = MotionCodec(scale, offset, codec.sixd, codec.root)
    windows = FilmedWindows(exactly_filmed, codec, 90, 15, 0, views=3, more_views=1.0, in_2d=Settings2D())
    for key in ((0, 0), (3, 1), (5, 2)):
        item = windows[key]
        assert item["keypoints"].shape == (3, 90, 17, 3) and item["cuts"].shape == (3, 90)
        off = (seen_again(item, codec) - item["keypoints"][..., :2]).norm(dim=-1)
        assert off.max() < 0.5 and off.median() < 0.05


def test_real_cameras_that_stand_still_are_given_for_every_frame(aist_set):
    codec = MotionCodec.fit(aist_set.motions(), any_heading=True)
    windows = FilmedWindows(aist_set, codec, 150, 150, seed=0, views=9, more_views=1.0, in_2d=Settings2D())
    item = windows[(0, 0)]
    assert item["R_camera_world"].shape == (9, 150, 3, 3) and not item["cuts"].any()
    confident = item["keypoints"][..., 2] > 0.5
    assert (seen_again(item, codec) - item["keypoints"][..., :2]).norm(dim=-1)[confident].median() < 1
    assert not item["keypoints"][8].any() and torch.equal(item["intrinsics"][8, 0], torch.eye(3)), "it saw nobody"


def test_asking_for_2d_changes_nothing_else(motions, codec):
    plain, asked = (FilmedWindows(motions, codec, 90, 15, 0, views=2, in_2d=asked) for asked in (None, Settings2D()))
    one, other = plain[(3, 2)], asked[(3, 2)]
    assert set(one) == {"x", "condition"} and all(torch.equal(one[name], other[name]) for name in one)
    assert other["keypoints"].dtype == other["t_camera_m"].dtype == torch.float32
    assert all(torch.equal(other[name], asked[(3, 2)][name]) for name in other)


def test_what_is_held_against_a_guess_is_not_what_the_model_is_told(aist_set):
    """Real views are told with errors of their own, anew in each epoch; their keypoints are compared as they are."""
    codec = MotionCodec.fit(aist_set.motions(), any_heading=True)
    exact, worse = (
        FilmedWindows(aist_set, codec, 150, 150, 0, worse=share, other_sides=0.0, in_2d=Settings2D())
        for share in (0.0, 1.0)
    )
    one, other, again = exact[(0, 3)], worse[(0, 3)], worse[(0, 3)]
    assert torch.equal(one["keypoints"], other["keypoints"]) and torch.equal(one["x"], other["x"])
    off = (one["condition"] - other["condition"])[0, :, :34].abs()
    assert 0.002 < off.median() < 0.1 and torch.equal(other["condition"], again["condition"])
    assert torch.equal(one["condition"][0], evidence_tensor(one["keypoints"][0], one["cuts"][0]))


def test_of_depth_another_side_is_told(aist_set):
    """The guess then faces a virtual camera, and what it is held against stays what the real ones saw."""
    codec = MotionCodec.fit(aist_set.motions(), any_heading=True)
    windows = FilmedWindows(aist_set, codec, 150, 150, 0, other_sides=1.0, in_2d=Settings2D())
    headings = []
    for epoch in range(12):
        item = windows[(0, epoch)]
        confident = item["keypoints"][..., 2] > 0.5
        assert (seen_again(item, codec) - item["keypoints"][..., :2]).norm(dim=-1)[confident].median() < 1
        headings.append(heading(codec.decode(item["x"]).rotations[0, 0]))
    steps = (torch.stack(headings) - headings[0]) / math.radians(40)
    assert (steps - steps.round()).abs().max() > 0.1, "no real camera stands there"


def test_azimuth_noise_turns_the_camera_about_the_dancer(exactly_filmed, codec):
    """As far away as before, the hips at the same pixels, another angle in each epoch."""

    def windows(noise_deg):
        return FilmedWindows(
            exactly_filmed, codec, 90, 15, 0, views=3, more_views=1.0, in_2d=Settings2D(azimuth_noise_deg=noise_deg)
        )

    angles = []
    for epoch in range(20):
        still, turned = windows(0.0)[(2, epoch)], windows(10.0)[(2, epoch)]
        assert torch.equal(still["x"], turned["x"]) and torch.equal(still["keypoints"], turned["keypoints"])
        apart = still["R_camera_world"].mT @ turned["R_camera_world"]
        assert torch.allclose(apart[..., 2, 2], torch.ones(()), atol=1e-4), "about the upright alone"
        angles.append(torch.atan2(apart[:, 0, 1, 0], apart[:, 0, 0, 0]).rad2deg())
        root_m = codec.decode(still["x"]).root_m[:, None]
        one, other = (root_m @ seen["R_camera_world"].mT + seen["t_camera_m"][..., None, :] for seen in (still, turned))
        assert torch.allclose(one, other, atol=1e-3)
    deviation = torch.stack(angles).std()
    assert 7 < deviation < 13
