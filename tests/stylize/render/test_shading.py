import numpy as np

from stylize.render import shading
from stylize.render.colour import display_table, linear
from stylize.render.rasteriser import FAR
from stylize.render.scene import sunflower


def test_every_display_level_survives_linear_light_and_back():
    levels = np.arange(256)
    picture = linear(np.repeat(levels[:, None] / 255, 3, 1)).reshape(16, 16, 3)
    image = np.zeros((16, 16, 3), np.uint8)
    shading.encode(picture, image, (0, 16, 0, 16), display_table())
    np.testing.assert_array_equal(image[..., 0].ravel(), levels)


def test_encoding_clips_what_is_too_bright_or_not_a_number():
    picture = np.array([[[2.0, -1.0, np.nan]]], np.float32)
    image = np.full((1, 1, 3), 7, np.uint8)
    shading.encode(picture, image, (0, 1, 0, 1), display_table())
    assert image[0, 0].tolist() == [255, 0, 0]


def test_hex_colours():
    np.testing.assert_allclose(linear("#ff0080"), [1, 0, ((128 / 255 + 0.055) / 1.055) ** 2.4], rtol=1e-6)


def test_sunflower_fills_the_disc_evenly():
    places = sunflower(400)
    radius = np.hypot(*places.T)
    assert radius.max() <= 1
    assert abs((radius < 0.5).mean() - 0.25) < 0.02
    assert np.abs(places.mean(0)).max() < 0.03


def straight_down(texels: int) -> np.ndarray:
    """A light overhead: x, y in centimetres from the middle, depth growing downwards."""
    light = np.zeros((3, 4), np.float32)
    light[0, 0] = light[1, 1] = 100
    light[:2, 3] = texels / 2
    light[2, 2] = -1
    return light


def floor_grid(shadow, balls):
    """The floor seen from straight above, one pixel a centimetre; `[41, 41]` places from -0.4 to 0.4 m."""
    axes = np.eye(3, dtype=np.float32)
    grid = np.zeros((41, 41, 2), np.float32)
    lens = np.array([500, 40, 40], np.float32)
    shading.light_floor(
        grid, (0, 80, 0, 80), np.array([0, 0, 5], np.float32), axes, lens, shadow, straight_down(128),
        sunflower(40), np.float32(20), np.float32(8), np.asarray(balls, np.float32).reshape(-1, 4),
    )  # fmt: skip
    return grid


def test_shadow_lies_under_its_caster_and_is_softer_from_higher_up():
    soft = {}
    for height in (0.1, 1.0):
        shadow = np.full((128, 128), FAR)
        shadow[54:74, 54:74] = -height  # a plate of 20 cm over the middle
        lit = floor_grid(shadow, [])[..., 0]
        assert lit[20, 20] < 0.02 and lit[0, 0] == 1
        np.testing.assert_allclose(lit, lit[::-1], atol=0.15)
        soft[height] = ((lit > 0.1) & (lit < 0.9)).sum()
    assert soft[1.0] > 2 * soft[0.1]


def test_contact_shade_is_deepest_under_the_ball_and_gone_far_away():
    sky = floor_grid(np.full((128, 128), FAR), [[0.1, 0.2, 0.06, 0.05]])[..., 1]
    assert np.unravel_index(sky.argmin(), sky.shape) == (10, 25)
    assert sky.min() < 0.4 and sky[40, 0] > 0.99


def test_tiles_average_out_where_they_are_finer_than_a_pixel():
    from stylize.render.scene import Look, _palette

    axes = np.array([[1, 0, 0], [0, 0.1, 0.995], [0, -0.995, 0.1]], np.float32)
    stage = np.zeros((90, 90, 4), np.float32)
    lens = np.array([90, 45, 45], np.float32)
    palette = _palette(Look(tile_contrast=0.5))
    eye = np.array([0.2, 0, 1.5], np.float32)
    shading.draw_stage(eye, axes, lens, stage, palette, np.zeros(2, np.float32), np.float32(1e9))
    assert np.isfinite(stage).all()
    near, far = stage[80:, :, 0], stage[38:40, :, 0]
    assert np.ptp(near) > 0.5 * palette[0, 0]
    assert np.ptp(far) < 0.2 * palette[0, 0]
