"""The rasteriser: skinning, projection, a shadow map and a visibility buffer, as compiled kernels.

Space is the motion's world: metres, z-up, floor at z = 0. A camera is `eye [3]`, `axes [3, 3]` (rows: right, up,
backwards) and `lens = (focal, centre_x, centre_y)` in pixels. Pixel centres lie at halves; picture y points down.
Kernels write into arrays handed in, use no fast-math and one thread, so the same input gives the same bytes.
"""

from typing import Any

import numpy as np

import core_vimo.cache  # noqa: F401  (it chooses numba's cache folder, so it comes first)

# isort: split
from numba import njit

NEAR_M = 0.05
FAR = np.float32(1e9)
"""What an empty shadow map holds."""
kernel = njit(cache=True, nogil=True, error_model="numpy")
f32 = np.float32


@kernel
def skin(vertices: Any, normals: Any, joints: Any, weights: Any, transforms: Any, posed: Any, turned: Any) -> None:
    """Linear blend skinning. transforms `[24, 3, 4]` carry rest points into the world; fills posed, turned `[V, 3]`."""
    for i in range(vertices.shape[0]):
        for row in range(3):
            point = f32(0)
            normal = f32(0)
            for k in range(4):
                w = weights[i, k]
                if w > 0:
                    m = transforms[joints[i, k], row]
                    turn = m[0] * normals[i, 0] + m[1] * normals[i, 1] + m[2] * normals[i, 2]
                    point += w * (m[0] * vertices[i, 0] + m[1] * vertices[i, 1] + m[2] * vertices[i, 2] + m[3])
                    normal += w * turn
            posed[i, row] = point
            turned[i, row] = normal


@kernel
def project(points: Any, eye: Any, axes: Any, lens: Any, pixels: Any) -> None:
    """Fill `pixels [N, 3]`: x, y and nearness (1 / depth in metres; 0 for what lies behind the camera)."""
    for i in range(points.shape[0]):
        a = points[i, 0] - eye[0]
        b = points[i, 1] - eye[1]
        c = points[i, 2] - eye[2]
        depth = -(axes[2, 0] * a + axes[2, 1] * b + axes[2, 2] * c)
        near = f32(1) / max(depth, f32(NEAR_M))
        pixels[i, 0] = lens[1] + lens[0] * near * (axes[0, 0] * a + axes[0, 1] * b + axes[0, 2] * c)
        pixels[i, 1] = lens[2] - lens[0] * near * (axes[1, 0] * a + axes[1, 1] * b + axes[1, 2] * c)
        pixels[i, 2] = near if depth > NEAR_M else f32(0)


@kernel
def _span(a: Any, b: Any, c: Any, limit: int) -> Any:
    """First and one past the last pixel whose centre can lie between three coordinates; none where one isn't finite."""
    if not np.isfinite(a + b + c):
        return 0, 0
    low = min(max(f32(0), np.floor(min(a, b, c))), f32(limit))
    high = max(min(f32(limit), np.ceil(max(a, b, c))), f32(0))
    return int(low), int(high)


@kernel
def draw_depth(points: Any, faces: Any, depth: Any) -> None:
    """Shadow map: the smallest z of front faces over each texel of `depth [H, W]`.

    points `[V, 3]` are x, y in texels (y up) and z in metres, growing away from the light.
    """
    height, width = depth.shape
    for k in range(faces.shape[0]):
        a = points[faces[k, 0]]
        b = points[faces[k, 1]]
        c = points[faces[k, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area <= 0:  # turned away from the light: what faces it is nearer
            continue
        left, right = _span(a[0], b[0], c[0], width)
        top, bottom = _span(a[1], b[1], c[1], height)
        for y in range(top, bottom):
            for x in range(left, right):
                px = f32(x) + f32(0.5) - a[0]
                py = f32(y) + f32(0.5) - a[1]
                u = (px * (c[1] - a[1]) - (c[0] - a[0]) * py) / area
                v = ((b[0] - a[0]) * py - px * (b[1] - a[1])) / area
                if u >= 0 and v >= 0 and u + v <= 1:
                    z = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                    depth[y, x] = min(depth[y, x], z)


@kernel
def draw_visible(pixels: Any, faces: Any, nearness: Any, face: Any, corner: Any) -> None:
    """Visibility buffer: the nearest front face over each sample and its perspective-correct place in that face.

    pixels `[V, 3]` from `project`; fills nearness `[H, W]` (0 where empty), face `[H, W]`, corner `[H, W, 2]` (shares
    of the face's second and third corners). Faces that reach behind the camera are left out.
    """
    height, width = nearness.shape
    slack = f32(1e-5)
    for k in range(faces.shape[0]):
        a = pixels[faces[k, 0]]
        b = pixels[faces[k, 1]]
        c = pixels[faces[k, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area >= 0 or min(a[2], b[2], c[2]) <= 0:  # y points down, so a front face turns clockwise
            continue
        left, right = _span(a[0], b[0], c[0], width)
        top, bottom = _span(a[1], b[1], c[1], height)
        for y in range(top, bottom):
            for x in range(left, right):
                px = f32(x) + f32(0.5) - a[0]
                py = f32(y) + f32(0.5) - a[1]
                u = (px * (c[1] - a[1]) - (c[0] - a[0]) * py) / area
                v = ((b[0] - a[0]) * py - px * (b[1] - a[1])) / area
                if u >= -slack and v >= -slack and u + v <= 1 + slack:
                    near = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        face[y, x] = k
                        corner[y, x, 0] = u * b[2] / near
                        corner[y, x, 1] = v * c[2] / near
