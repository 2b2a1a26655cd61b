"""One scene: dancers on a stage, lit, seen by a camera, drawn to display bytes."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stylize.render import rasteriser, shading
from stylize.render.camera import Camera, Floats, Size
from stylize.render.colour import display_table, linear

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]

_LEFT_LIMBS = (1, 4, 7, 10, 16, 18, 20, 22)
_RIGHT_LIMBS = (2, 5, 8, 11, 17, 19, 21, 23)
_BALLS_M = np.array([.13, .1, .1, .12, .07, .07, .13, .05, .05, .12, .045, .045, .06, .07, .07, .11, .06, .06, .045,
                     .045, .035, .035, .045, .045], np.float32)  # fmt: skip
"""The body as a ball a joint, for the shade it gives the floor."""

_SUN_SPREAD = 0.085  # penumbra over distance: a large lamp rather than a point
_SEARCH_M = 0.18
_SHADOW_STEP_M = 0.4  # the shadow map's extent grows by steps, so that its texels don't shimmer
_SHADOW_LEAST_M = 3.2


class Mesh(NamedTuple):
    """The arrays of `core_vimo.body.Body`, which drawing processes receive without importing its module (and torch)."""

    vertices_m: Floats
    normals: Floats
    faces: NDArray[np.int32]
    joints: NDArray[np.int32]
    weights: Floats


@dataclass(frozen=True)
class Look:
    """Colours and light. The left limbs carry `left`, the right ones `right`, so that sides can be told apart."""

    body: str = "#687b9f"
    left: str = "#d08a6c"
    right: str = "#4a8f97"
    floor: str = "#d9d5ce"
    backdrop_low: str = "#e9e6e0"
    backdrop_high: str = "#c9d0d8"
    tile_contrast: float = 0.05
    shade: tuple[float, float, float] = (0.27, 0.3, 0.36)
    sun: tuple[float, float, float] = (-0.42, -0.5, 0.86)  # towards the lamp, seen from the camera: right, back, up
    lamps: tuple[tuple[float, float, float], ...] = (
        (0.95, 0.91, 0.85),
        (0.52, 0.56, 0.62),
        (0.26, 0.24, 0.22),
        (0.10, 0.11, 0.13),
        (0.07, 0.07, 0.07),
    )


@dataclass
class Scene:
    """Draws `dancers` mannequins at `size` (width, height) with `samples` x `samples` samples a pixel of a body.

    The camera's eye may move from frame to frame; its axes and lens may not. Not thread-safe: buffers are reused.
    """

    mesh: Mesh
    camera: Camera
    size: Size
    look: Look = field(default_factory=Look)
    samples: int = 2
    shadow_texels: int = 1024
    dancers: int = 1

    def __post_init__(self) -> None:
        width, height = self.size
        count = len(self.mesh.vertices_m)
        self._faces = np.concatenate([self.mesh.faces.astype(np.int32) + i * count for i in range(self.dancers)])
        self._points = np.zeros((count * self.dancers, 3), np.float32)
        self._normals = np.zeros_like(self._points)
        self._pixels = np.zeros_like(self._points)
        self._paint = np.tile(limb_colours(self.mesh, self.look), (self.dancers, 1))
        self._stage = np.zeros((height, width, 4), np.float32)
        self._picture = np.zeros((height, width, 3), np.float32)
        self._empty = np.zeros((height, width, 3), np.uint8)
        self._shadow = np.zeros((self.shadow_texels, self.shadow_texels), np.float32)
        self._disc = sunflower(40)
        self._table = display_table()
        self._lens = self.camera.lens(self.size)
        self._sun = _sun(self.camera.axes, self.look)
        self._palette = _palette(self.look)
        self._lamps = np.array(self.look.lamps, np.float32)
        self._eye: Floats | None = None

    def draw(self, transforms: Floats, joints_m: Floats, frame: int = 0) -> Image:
        """The picture `[H, W, 3]` uint8 sRGB of transforms `[dancers, 24, 3, 4]`, joints_m `[dancers, 24, 3]`."""
        self._pose(transforms)
        self._set_stage(self.camera.eye_m(frame))
        light, spread = self._cast_shadow()
        body_box = self._body_box()
        balls = np.concatenate((joints_m, np.broadcast_to(_BALLS_M[:, None], (*joints_m.shape[:2], 1))), -1)
        balls = balls.reshape(-1, 4).astype(np.float32)
        floor_box = self._floor_box(balls, frame)
        left, right, top, bottom = box = _around(body_box, floor_box)
        self._picture[top:bottom, left:right] = self._stage[top:bottom, left:right, :3]
        self._draw_floor(floor_box, light, spread, balls)
        self._draw_body(body_box, light)
        image = self._empty.copy()
        shading.encode(self._picture, image, box, self._table)
        return image

    def pixels_of(self, points_m: Floats, frame: int = 0) -> Floats:
        """Where world points `[N, 3]` appear: x, y in pixels and nearness (1 / depth, 0 behind the camera)."""
        pixels = np.zeros_like(points_m)
        eye = np.ascontiguousarray(self.camera.eye_m(frame))
        rasteriser.project(np.ascontiguousarray(points_m), eye, self.camera.axes, self._lens, pixels)
        return pixels

    def _pose(self, transforms: Floats) -> None:
        count = len(self.mesh.vertices_m)
        for i, transform in enumerate(transforms):
            part = slice(i * count, (i + 1) * count)
            rasteriser.skin(
                self.mesh.vertices_m, self.mesh.normals, self.mesh.joints, self.mesh.weights, transform,
                self._points[part], self._normals[part],
            )  # fmt: skip

    def _set_stage(self, eye: Floats) -> None:
        """The empty stage; drawn anew only when the camera has moved."""
        if self._eye is not None and np.array_equal(eye, self._eye):
            return
        self._eye = np.ascontiguousarray(eye, np.float32)
        height = max(float(eye[2]), 0.1)
        ahead = -self.camera.axes[2] / max(float(self.camera.axes[2, 2]), 1e-3) * height
        centre = (self._eye + ahead)[:2].astype(np.float32)
        reach = np.float32(1.2 * np.linalg.norm(ahead) / self.camera.focal)
        shading.draw_stage(self._eye, self.camera.axes, self._lens, self._stage, self._palette, centre, reach)
        shading.encode(self._stage, self._empty, (0, self.size[0], 0, self.size[1]), self._table)

    def _cast_shadow(self) -> tuple[Floats, np.float32]:
        """Fill the shadow map; return the light's transform `[3, 4]` and its texels of penumbra a metre."""
        side = np.cross([0.0, 0.0, 1.0], self._sun)
        side /= np.linalg.norm(side)
        turn = np.stack([side, np.cross(self._sun, side), -self._sun]).astype(np.float32)
        seen = self._points @ turn.T
        low, high = seen.min(0), seen.max(0)
        steps = np.ceil((float((high - low)[:2].max()) + 0.1 - _SHADOW_LEAST_M) / _SHADOW_STEP_M)
        texels = np.float32(self.shadow_texels / (_SHADOW_LEAST_M + _SHADOW_STEP_M * max(steps, 0)))
        middle = np.floor((low + high)[:2] / 2 * texels)
        light = np.zeros((3, 4), np.float32)
        light[:, :3] = turn * np.array([[texels], [texels], [1]], np.float32)
        light[:2, 3] = self.shadow_texels / 2 - middle
        self._shadow.fill(rasteriser.FAR)
        rasteriser.draw_depth(self._points @ light[:, :3].T + light[:, 3], self._faces, self._shadow)
        return light, np.float32(texels * _SUN_SPREAD)

    def _body_box(self) -> Box:
        rasteriser.project(self._points, self._eye, self.camera.axes, self._lens, self._pixels)
        return self._box(self._pixels, 2)

    def _floor_box(self, balls: Floats, frame: int) -> Box:
        """What the bodies' shadow and contact shade can reach on the floor; on whole steps of the light's grid, so that
        shadows don't shimmer as the box moves."""
        cast = self._points[:, :2] - self._points[:, 2:] * (self._sun[:2] / self._sun[2])
        reach = balls[:, 3:] * shading.SKY_REACH
        low = np.minimum(cast.min(0) - _SEARCH_M, (balls[:, :2] - reach).min(0))
        high = np.maximum(cast.max(0) + _SEARCH_M, (balls[:, :2] + reach).max(0))
        corners = np.array([[x, y, 0] for x in (low[0], high[0]) for y in (low[1], high[1])], np.float32)
        left, right, top, bottom = self._box(self.pixels_of(corners, frame), 1)
        return left - left % shading.FLOOR_STEP, right, top - top % shading.FLOOR_STEP, bottom

    def _box(self, pixels: Floats, margin: int) -> Box:
        if (pixels[:, 2] <= 0).any():  # partly behind the camera: anywhere in the picture
            return 0, self.size[0], 0, self.size[1]
        low = np.floor(pixels[:, :2].min(0)).astype(int) - margin
        high = np.ceil(pixels[:, :2].max(0)).astype(int) + margin
        (left, top), (right, bottom) = np.clip((low, high), 0, self.size).tolist()
        return left, right, top, bottom

    def _draw_floor(self, box: Box, light: Floats, spread: np.float32, balls: Floats) -> None:
        left, right, top, bottom = box
        step = shading.FLOOR_STEP
        grid = np.empty(((bottom - top) // step + 2, (right - left) // step + 2, 2), np.float32)
        shading.light_floor(
            grid, box, self._eye, self.camera.axes, self._lens, self._shadow, light, self._disc,
            np.float32(_SEARCH_M / _SUN_SPREAD * spread), spread, balls,
        )  # fmt: skip
        shading.shade_floor(self._stage, self._picture, box, grid, np.array(self.look.shade, np.float32))

    def _draw_body(self, box: Box, light: Floats) -> None:
        left, right, top, bottom = box
        shape = ((bottom - top) * self.samples, (right - left) * self.samples)
        nearness = np.zeros(shape, np.float32)
        face = np.full(shape, -1, np.int32)
        corner = np.zeros((*shape, 2), np.float32)
        fine = self._pixels.copy()
        fine[:, :2] = (fine[:, :2] - (left, top)) * self.samples
        rasteriser.draw_visible(fine, self._faces, nearness, face, corner)
        shading.shade_body(
            face, corner, nearness, self._faces, self._points, self._normals, self._paint, self._picture, box,
            self.samples, self._eye, self._shadow, light, self._sun, self._lamps,
        )  # fmt: skip


def limb_colours(mesh: Mesh, look: Look) -> Floats:
    """Linear colour of every vertex `[V, 3]`: the limbs' own hues, blended into the trunk's by the skinning weights."""
    limbs = np.zeros((24, 3), np.float32)
    for joints, name in ((_LEFT_LIMBS, look.left), (_RIGHT_LIMBS, look.right)):
        limbs[list(joints)] = linear(name) - linear(look.body)
    return (linear(look.body) + (limbs[mesh.joints] * mesh.weights[..., None]).sum(1)).astype(np.float32)


def sunflower(count: int) -> Floats:
    """`count` places spread evenly over the unit disc, `[count, 2]` (Vogel's spiral)."""
    k = np.arange(count)
    angle = k * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt((k + 0.5) / count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)


def _sun(axes: Floats, look: Look) -> Floats:
    """Unit direction to the lamp in the world; it stands to the camera's side wherever the camera looks from."""
    right = axes[0]
    away = np.cross([0.0, 0.0, 1.0], right)
    direction = look.sun[0] * right + look.sun[1] * away + np.array([0.0, 0.0, look.sun[2]])
    return (direction / np.linalg.norm(direction)).astype(np.float32)


def _palette(look: Look) -> Floats:
    contrast = np.full(3, look.tile_contrast)
    return np.stack([linear(look.floor), contrast, linear(look.backdrop_low), linear(look.backdrop_high)]).astype(
        np.float32
    )


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])
