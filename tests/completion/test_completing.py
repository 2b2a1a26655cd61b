"""Whatever is kept, it comes back bit for bit; the rest is finite, meets it without a jump, and arrives."""

from dataclasses import replace
from functools import partial

import pytest
import roma
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from completion import PARTS, CleanUp, Filler, Keeping, Manner, complete, everything, keyframes, nothing, part, span
from completion.known import Known, repaint
from core_vimo.codec import joint_channels
from core_vimo.diffusion.sampling import ddim, even_timesteps, quadratic_timesteps
from core_vimo.errors import InputError
from core_vimo.formats import read_motion, write_motion
from core_vimo.motion import turn
from edge_adapter.long_song import dance_windows

S = 90
RAW = Manner(clean_up=CleanUp.none())


@pytest.fixture(scope="module")
def motion(invented_dance):
    return turn(invented_dance(S, 3), 1.0)


@st.composite
def masks(draw):
    """Unions of spans crossed with parts, keyframes, and complements."""
    mask = nothing
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, S - 1))
        piece = span(start, draw(st.integers(start + 1, S)))
        if draw(st.booleans()):
            piece = piece & part(*draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3)))
        mask = mask | piece
    if draw(st.booleans()):
        mask = mask | keyframes(draw(st.lists(st.integers(0, S - 1), min_size=1, max_size=4)))
    return ~mask if draw(st.booleans()) else mask


@given(masks(), st.integers(0, 100), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mask_keeps_what_it_names_and_the_rest_is_finite_and_meets_it(
    motion, alone, mask, seed, polished, steered, clean
):
    keeping = Keeping(clean=clean, places=steered)
    clean_up = CleanUp(smoothing_s=0.03) if polished else CleanUp.none()
    made = complete(motion, mask, replace(alone, per_frame_timesteps=True), Manner(seed, 1, keeping, clean_up))[0]
    kept = mask(S)
    assert len(made) == S
    for joint in range(24):
        known = kept[:, joint_channels(joint)].all(1)
        assert torch.equal(made.rotations[known, joint], motion.rotations[known, joint])
    path = kept[:, 4:7].all(1)
    assert torch.equal(made.root_m[path], motion.root_m[path])
    assert torch.equal(made.contacts[kept[:, :4]], motion.contacts[kept[:, :4]])
    identity = made.rotations @ made.rotations.transpose(-1, -2)
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-4, rtol=0)
    assert made.root_m.isfinite().all() and made.contacts.isfinite().all()
    joints = torch.stack([kept[:, joint_channels(joint)].all(1) for joint in range(24)], 1)
    borders = joints[1:] != joints[:-1]
    assert not borders.any() or turned(made)[borders].max() < 0.6  # the random weights alone turn joints by 3


def turned(motion):
    """By how much each joint turns from frame to frame, radians `[S - 1, 24]`."""
    return roma.rotmat_geodesic_distance(motion.rotations[1:], motion.rotations[:-1])


@pytest.mark.parametrize("length", [6, 30, 60])
def test_at_borders_poses_go_on_as_they_went(motion, alone, length):
    gap = slice(20, 20 + length)
    bent = complete(motion, ~span(gap.start, gap.stop), alone, RAW)[0]
    plain = complete(motion, ~span(gap.start, gap.stop), alone, replace(RAW, keeping=Keeping(borders=False)))[0]

    def jump(made):
        change = made.rotations.diff(n=2, dim=0).flatten(1).norm(dim=1)
        return max(float(change[border - 2 : border].max()) for border in (gap.start, gap.stop))

    assert jump(bent) < 0.5 * jump(plain)


def test_nothing_known_is_plain_sampling(dancer, motion):
    long = 200
    music = torch.randn(long, 35)
    held = replace(motion, **{n: getattr(motion, n)[:1].expand(long, *getattr(motion, n).shape[1:]) for n in
                              ("rotations", "root_m", "contacts")})  # fmt: skip
    plain = dancer.dance(music, dance_windows(long), seed=5)
    made = complete(held, nothing, Filler.to_song(dancer, music), replace(RAW, seed=5))[0]
    assert torch.equal(made.rotations, plain.rotations)
    assert torch.equal(made.root_m, plain.root_m)
    assert torch.equal(made.contacts, plain.contacts)


def test_all_known_is_the_motion_itself(motion, alone):
    assert all(made is motion for made in complete(motion, everything, alone, Manner(takes=2)))


def test_what_lies_in_the_gap_does_not_matter(motion, alone):
    gap = slice(30, 50)
    other = motion.root_m.clone()
    other[gap] += 3
    assert torch.equal(
        complete(motion, ~span(30, 50), alone)[0].root_m,
        complete(replace(motion, root_m=other), ~span(30, 50), alone)[0].root_m,
    )


def test_the_whole_way_is_walked_within_the_gap(motion, alone):
    """Were it not steered to arrive, one frame would have to leap."""
    far = motion.root_m.clone()
    far[50:, 0] += 1.0
    made = complete(replace(motion, root_m=far), ~span(30, 50), alone)[0]
    steps_m = made.root_m[29:51, :2].diff(dim=0)
    torch.testing.assert_close(steps_m.sum(0), far[50, :2] - far[29, :2], atol=1e-5, rtol=0)
    assert steps_m.norm(dim=1).max() < 6 / 21 * 1.0


def test_turning_the_scene_turns_the_result(motion, alone):
    there = complete(motion, ~span(30, 60), alone, RAW)[0]
    turned = complete(turn(motion, 2.0), ~span(30, 60), alone, RAW)[0]
    torch.testing.assert_close(turned.joints_m(), turn(there, 2.0).joints_m(), atol=2e-3, rtol=0)


def test_seeds_repeat_and_takes_hang_on_their_own_number(motion, alone):
    takes = complete(motion, ~span(30, 60), alone, Manner(seed=7, takes=3))
    second = complete(motion, ~span(30, 60), alone, Manner(seed=8))[0]
    assert torch.equal(takes[1].rotations, second.rotations)
    assert torch.equal(takes[1].root_m, second.root_m)
    assert not torch.equal(takes[0].rotations, takes[2].rotations)


def test_gaps_of_several_windows(invented_dance, alone):
    motion = invented_dance(500, 1)
    made = complete(motion, ~span(60, 440), alone)[0]
    assert torch.equal(made.rotations[:60], motion.rotations[:60])
    assert torch.equal(made.root_m[440:], motion.root_m[440:])
    assert made.root_m.diff(dim=0).norm(dim=1).max() < 0.5


def test_what_is_far_from_a_gap_costs_nothing(invented_dance, alone):
    seen = []

    def counted(frames, windows):
        seen.append(frames)
        return alone.denoiser(frames, windows)

    motion = invented_dance(3000, 1)
    complete(motion, ~span(1000, 1030), replace(alone, denoiser=counted))
    assert seen == [slice(925, 1105)]


def test_known_frames_are_exported_as_the_original_would_be(motion, alone, tmp_path):
    made = complete(motion, ~span(30, 60), alone)[0]
    for name in ("a.npz", "a.bvh", "a.pkl", "a.glb"):
        write_motion(motion, tmp_path / name)
        write_motion(made, tmp_path / f"made_{name}")
        original, read = read_motion(tmp_path / name), read_motion(tmp_path / f"made_{name}")
        torch.testing.assert_close(read.rotations[:30], original.rotations[:30], atol=1e-6, rtol=0)
        torch.testing.assert_close(read.root_m[60:], original.root_m[60:], atol=1e-6, rtol=0)


def test_one_pass_of_repaint_is_eq_8(motion, alone):
    mask = ~span(30, 60)
    by_ddim, by_one_pass = (
        complete(motion, mask, replace(alone, sampler=partial(sampler, spacing=even_timesteps)), RAW)[0]
        for sampler in (ddim, repaint(1))
    )
    assert torch.equal(by_ddim.rotations, by_one_pass.rotations)
    assert torch.equal(by_ddim.root_m, by_one_pass.root_m)


def test_repaint_asks_the_model_once_more_a_pass(motion, alone):
    calls = []

    def counted(frames, windows):
        denoise = alone.denoiser(frames, windows)
        return lambda x, t: (calls.append(int(t.flatten()[0])), denoise(x, t))[1]

    filler = replace(alone, denoiser=counted)
    made = complete(motion, ~span(30, 60), filler, Manner(keeping=Keeping(passes=3)))[0]
    assert len(calls) == 3 * (alone.steps - 1) + 1
    assert torch.equal(made.rotations[:30], motion.rotations[:30])


def test_models_trained_for_it_are_shown_known_frames_clean_at_timestep_0(motion, alone, codec):
    seen = []

    def watched(frames, windows):
        denoise = alone.denoiser(frames, windows)
        return lambda x, t: (seen.append((x, t)), denoise(x, t))[1]

    filler = replace(alone, denoiser=watched, per_frame_timesteps=True)
    mask = ~span(30, 60)
    made = complete(motion, mask, filler, Manner(keeping=Keeping(clean=True)))[0]
    assert torch.equal(made.rotations[60:], motion.rotations[60:])
    clean = Known.of(mask(S)).in_channels(codec).all(1)
    assert clean[:29].all() and not clean[29:60].any() and clean[60:].all()
    assert len(seen) == alone.steps
    for x, t in seen:
        assert t.shape == (1, S)
        assert (t[0, clean] == 0).all()
        assert torch.equal(x[0, clean], seen[0][0][0, clean])
    assert [int(t[0, 40]) for _, t in seen] == quadratic_timesteps(50, alone.steps)[:-1]


@pytest.mark.parametrize(("learned", "asked", "shown"), [(True, None, True), (True, False, False),
                                                           (False, None, False), (False, False, False)])  # fmt: skip
def test_unless_told_otherwise_those_that_learned_it_are_shown_clean_frames(motion, alone, learned, asked, shown):
    times = []

    def watched(frames, windows):
        denoise = alone.denoiser(frames, windows)
        return lambda x, t: (times.append(t), denoise(x, t))[1]

    filler = replace(alone, denoiser=watched, per_frame_timesteps=learned)
    complete(motion, ~span(30, 60), filler, Manner(keeping=Keeping(clean=asked)))
    assert all((t.ndim == 2 and bool((t == 0).any())) is shown for t in times)


def test_what_is_better_is_one_constant(motion, alone, monkeypatch):
    monkeypatch.setattr("completion.completing.CLEAN_WHERE_LEARNED", False)
    filler = replace(alone, per_frame_timesteps=True)
    assert not Keeping().shows_clean(filler) and Keeping(clean=True).shows_clean(filler)


def test_other_models_refuse_it(motion, alone):
    with pytest.raises(InputError, match="not trained with per-frame timesteps"):
        complete(motion, ~span(30, 60), alone, Manner(keeping=Keeping(clean=True)))


def test_songs_that_end_and_other_rates_are_refused(motion, alone, dancer):
    with pytest.raises(InputError, match=r"the song only 2\.7 s"):
        complete(motion, ~span(30, 60), Filler.to_song(dancer, torch.randn(80, 35)))
    with pytest.raises(InputError, match="resample it first"):
        complete(replace(motion, fps=60.0), ~span(30, 60), alone)
