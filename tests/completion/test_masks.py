"""Masks name frames and body parts, and combine like sets."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from completion import PARTS, everything, first, keyframes, last, nothing, part, span
from core_vimo.codec import CHANNELS, CONTACTS, ROOT, MotionCodec
from core_vimo.errors import InputError
from core_vimo.rotations import axis_angle_to_matrix
from core_vimo.skeleton import JOINT_NAMES

S = 40


def channels(*names):
    row = part(*names)(3)
    assert torch.equal(row[0], row[2])
    return set(row[0].nonzero()[:, 0].tolist())


def joints(*names):
    return {JOINT_NAMES[(channel - 7) // 6] for channel in channels(*names) if channel >= 7}


@pytest.mark.parametrize("joint", range(24))
def test_a_joint_moves_the_channels_by_which_masks_know_it(joint, invented_dance):
    """Not by the formula again: turn one joint and see which channels of the vector differ."""
    plain = MotionCodec(torch.ones(CHANNELS), torch.zeros(CHANNELS))
    motion = invented_dance(2, 0)
    turned = motion.rotations.clone()
    turned[:, joint] = turned[:, joint] @ axis_angle_to_matrix(torch.tensor([0.3, 0.2, 0.1]))
    other = type(motion)(turned, motion.root_m, motion.contacts, motion.fps)
    moved = (plain.vector(motion) != plain.vector(other)).any(0).nonzero()[:, 0]
    assert set(moved.tolist()) == set(range(7 + 6 * joint, 13 + 6 * joint))
    names = [name for name in PARTS if JOINT_NAMES[joint] in joints(name)]
    assert "body" in names
    assert all(set(moved.tolist()) <= channels(name) for name in names)


def test_parts_are_what_they_say():
    assert joints("left arm") == {"left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand"}
    assert joints("legs") == {
        f"{side}_{name}" for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")
    }
    assert joints("left") & joints("right") == set()
    assert joints("head") == {"neck", "head"}
    assert channels("root path") == {4, 5, 6}
    assert channels("root") == {4, 5, 6, *range(7, 13)}
    assert channels("left leg") & set(range(4)) == {0, 2}
    assert channels("right leg") & set(range(4)) == {1, 3}
    assert channels("upper") & channels("lower") == set()
    assert channels("upper", "lower") == channels("body") == set(range(CHANNELS))
    assert channels("arms", "torso", "head") == channels("upper")
    assert channels("Left-Arm") == channels("left arm") == channels("left_arm")


def test_frames_are_what_they_say():
    def frames(mask):
        kept = mask(S)
        assert torch.equal(kept.any(1), kept.all(1))
        return kept.all(1).nonzero()[:, 0].tolist()

    assert frames(first(3)) == [0, 1, 2]
    assert frames(last(2)) == [38, 39]
    assert frames(span(5, 8)) == [5, 6, 7]
    assert frames(keyframes([9, 4])) == [4, 9]
    assert frames(first(0)) == frames(last(0)) == frames(nothing) == []
    assert len(frames(everything)) == S


@given(st.integers(0, S - 1), st.integers(1, S), st.sampled_from(PARTS), st.sampled_from(PARTS))
def test_masks_combine_like_sets(start, length, one, other):
    a, b = span(start, min(start + length, S)) & part(one), part(other)
    assert torch.equal((a | b)(S), a(S) | b(S))
    assert torch.equal((~(a & b))(S), (~a | ~b)(S))
    assert torch.equal((a | ~a)(S), everything(S))
    assert not (a & ~a)(S).any()


@pytest.mark.parametrize("make", [
    lambda: span(8, 5)(S), lambda: span(5, 5)(S), lambda: span(-1, 5)(S), lambda: span(30, 41)(S),
    lambda: first(41)(S), lambda: last(-1)(S), lambda: keyframes([3, 40])(S), lambda: keyframes([])(S),
])  # fmt: skip
def test_frames_that_are_not_there_are_refused(make):
    with pytest.raises(InputError):
        make()


def test_an_unknown_part_is_refused_with_the_list_of_known_ones():
    with pytest.raises(InputError, match="no body part 'tail'") as error:
        part("arms", "tail")
    assert all(name in str(error.value) for name in PARTS)


def test_parts_bring_their_contacts_and_places():
    assert part("feet")(1)[:, CONTACTS].all()
    assert not part("arms")(1)[:, :7].any()
    assert part("lower")(1)[:, ROOT].all()
