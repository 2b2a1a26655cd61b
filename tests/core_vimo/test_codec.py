import math

import pytest
import torch

from core_vimo.codec import CHANNELS, CONTACTS, ROOT, ROTATIONS, MotionCodec, joint_channels
from core_vimo.errors import InputError
from core_vimo.motion import Motion, move, resample, turn
from core_vimo.randomness import normal


def _walk(key: int) -> Motion:
    frames = torch.linspace(0, 5, 120)[:, None, None]
    angles = 0.6 * torch.sin(frames * (1 + normal((24, 3), key, "rate").abs()))
    root = torch.cat((normal((120, 2), key, "root").cumsum(0) * 0.02, 0.9 + 0.1 * normal((120, 1), key, "height")), 1)
    return Motion.from_axis_angle(angles, root)


def test_the_named_slices_tile_the_vector():
    parts = [CONTACTS, ROOT, *(joint_channels(j) for j in range(24))]
    channels = [c for part in parts for c in range(part.start, part.stop)]
    assert channels == list(range(CHANNELS))
    assert joint_channels(0).start == ROTATIONS.start and joint_channels(23).stop == ROTATIONS.stop


@pytest.mark.parametrize("sixd", ["columns", "rows"])
@pytest.mark.parametrize("root", ["position", "velocity"])
def test_encode_then_decode_is_the_motion(sixd, root):
    motion = _walk(1)
    codec = MotionCodec.fit([motion, _walk(2)], sixd, root)
    x = codec.encode(motion)
    assert x.shape == (120, CHANNELS) and x.abs().max() <= 1
    back = codec.decode(x, start_m=motion.root_m[0, :2])
    assert torch.allclose(back.joints_m(), motion.joints_m(), atol=1e-4)
    assert torch.allclose(back.contacts, motion.contacts, atol=1e-5)


def test_velocities_do_not_say_where_on_the_floor_one_is():
    motion = _walk(3)
    codec = MotionCodec.fit([motion])
    elsewhere = move(motion, torch.tensor([5.0, -3.0, 0.0]))
    assert torch.allclose(codec.vector(motion), codec.vector(elsewhere), atol=1e-4)


def test_constant_channels_keep_their_unit_and_stay_finite():
    still = Motion.from_axis_angle(torch.zeros(10, 24, 3), torch.tensor([[0.0, 0.0, 0.9]]).expand(10, 3))
    codec = MotionCodec.fit([still])
    assert torch.isfinite(codec.scale).all()
    assert torch.allclose(codec.decode(codec.encode(still)).root_m, still.root_m, atol=1e-6)


def test_integrated_minutes_do_not_drift():
    frames = 4 * 60 * 30
    root = torch.stack((torch.full((frames,), 0.01).cumsum(0), torch.zeros(frames), torch.ones(frames)), -1)
    walk = Motion.from_axis_angle(torch.zeros(frames, 24, 3), root)
    codec = MotionCodec.fit([walk])
    assert (codec.decode(codec.encode(walk)).root_m[-1, 0] - (frames - 1) * 0.01).abs() < 0.02


def test_unpack_has_a_gradient_everywhere():
    codec = MotionCodec.fit([_walk(1)])
    x = torch.zeros(2, 20, CHANNELS, requires_grad=True)
    sum(part.sum() for part in codec.unpack(codec.unnormalise(x))).backward()
    assert torch.isfinite(x.grad).all()


def test_another_frame_rate_is_refused():
    codec = MotionCodec.fit([_walk(1)])
    with pytest.raises(InputError, match="30 fps, the motion has 60; resample"):
        codec.encode(resample(_walk(1), 60))
    with pytest.raises(InputError, match="one frame rate"):
        MotionCodec.fit([_walk(1), resample(_walk(1), 60)])


def test_decoding_noise_gives_a_motion():
    codec = MotionCodec.fit([_walk(1)])
    noise = codec.decode(3 * normal((50, CHANNELS), 0))
    assert math.isfinite(float(noise.joints_m().abs().max()))


@pytest.mark.parametrize("sixd", ["columns", "rows"])
def test_any_heading_covers_every_turn_and_no_more(sixd):
    motion = _walk(4)
    codec = MotionCodec.fit([motion], sixd, any_heading=True)
    turned = torch.cat([codec.vector(turn(motion, k * math.pi / 180)) for k in range(360)])
    x = turned * codec.scale + codec.offset
    assert x.abs().max() <= 1 + 1e-5
    assert (x.amax(0) > 0.999).all()
