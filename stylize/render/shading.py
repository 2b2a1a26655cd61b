"""Shading in linear light: the stage, its shadows, the body, and the way to display bytes, as compiled kernels.

Conventions as in `rasteriser.py`. A box is (left, right, top, bottom) in pixels, right and bottom outside. A light is
`[3, 4]`: world point to shadow-map texel x, y and depth in metres.
"""

from typing import Any

import numpy as np

from stylize.render.rasteriser import f32, kernel

FLOOR_STEP = 2
"""Pixels between the places where the floor's light is computed."""

SKY_REACH = f32(7)
"""Radii from a ball at which it no longer shades the floor."""

_SAME_SURFACE = f32(0.0015)
"""Difference in depth, as a share of it, up to which two samples of a pixel see one surface: a centimetre at 6 m."""


@kernel
def _light_place(light: Any, x: Any, y: Any, z: Any) -> Any:
    """World point to shadow map: texel x, y and depth in metres."""
    return (
        light[0, 0] * x + light[0, 1] * y + light[0, 2] * z + light[0, 3],
        light[1, 0] * x + light[1, 1] * y + light[1, 2] * z + light[1, 3],
        light[2, 0] * x + light[2, 1] * y + light[2, 2] * z + light[2, 3],
    )


@kernel
def _lit_at(shadow: Any, x: Any, y: Any, z: Any) -> Any:
    """Share of light reaching depth z at a fractional texel: four comparisons, blended."""
    height, width = shadow.shape
    x -= f32(0.5)
    y -= f32(0.5)
    if not (x >= 0 and y >= 0 and x < width - 1 and y < height - 1):
        return f32(1)
    i = int(x)
    j = int(y)
    fx = x - f32(i)
    fy = y - f32(j)
    top = (f32(1) - fx) * f32(shadow[j, i] > z) + fx * f32(shadow[j, i + 1] > z)
    low = (f32(1) - fx) * f32(shadow[j + 1, i] > z) + fx * f32(shadow[j + 1, i + 1] > z)
    return (f32(1) - fy) * top + fy * low


@kernel
def _body_light(shadow: Any, light: Any, x: Any, y: Any, z: Any) -> Any:
    """Share of the key light on the body: nine blended comparisons (percentage-closer filtering)."""
    tx, ty, tz = _light_place(light, x, y, z)
    total = f32(0)
    for j in range(-1, 2):
        for i in range(-1, 2):
            total += _lit_at(shadow, tx + f32(1.5) * f32(i), ty + f32(1.5) * f32(j), tz - f32(0.018))
    return total / f32(9)


@kernel
def _floor_light(shadow: Any, light: Any, x: Any, y: Any, disc: Any, search: Any, spread: Any) -> Any:
    """Share of the key light on the floor, softer the farther its blocker (percentage-closer soft shadows).

    disc `[K, 2]` are sample places in the unit disc; search is the radius looked at for blockers in texels, spread the
    penumbra's texels a metre of distance.
    """
    tx, ty, tz = _light_place(light, x, y, f32(0))
    height, width = shadow.shape
    gap = f32(0)
    blockers = 0
    for k in range(0, disc.shape[0], 2):
        i = int(tx + search * disc[k, 0])
        j = int(ty + search * disc[k, 1])
        if i >= 0 and j >= 0 and i < width and j < height and shadow[j, i] < tz - f32(0.004):
            gap += tz - shadow[j, i]
            blockers += 1
    if blockers == 0:
        return f32(1)
    radius = max(f32(1.5), spread * gap / f32(blockers))
    total = f32(0)
    for k in range(disc.shape[0]):
        total += _lit_at(shadow, tx + radius * disc[k, 0], ty + radius * disc[k, 1], tz - f32(0.004))
    return total / f32(disc.shape[0])


@kernel
def _open_sky(x: Any, y: Any, balls: Any) -> Any:
    """Share of the sky a floor point sees past balls `[K, 4]` (centre, radius), each taken as a distant sphere.

    A ball's shade is faded out towards `SKY_REACH` radii, so that it ends somewhere.
    """
    sky = f32(1)
    for k in range(balls.shape[0]):
        dx = balls[k, 0] - x
        dy = balls[k, 1] - y
        r2 = balls[k, 3] * balls[k, 3]
        across = dx * dx + dy * dy
        near = f32(1) - across / (SKY_REACH * SKY_REACH * r2)
        if near > 0:
            h = max(balls[k, 2], balls[k, 3])
            d2 = across + h * h
            sky *= f32(1) - near * near * r2 * h / (d2 * np.sqrt(d2))
    return sky


@kernel
def _square_wave(t: Any, width: Any) -> Any:
    """Mean over `width` around t of the wave that is +1 on even and -1 on odd unit steps: a tile edge, anti-aliased."""
    a = (t - f32(0.5) * width) * f32(0.5)
    b = (t + f32(0.5) * width) * f32(0.5)
    rise_a = abs(a - np.floor(a) - f32(0.5))
    rise_b = abs(b - np.floor(b) - f32(0.5))
    return f32(2) * (rise_a - rise_b) / width


@kernel
def draw_stage(eye: Any, axes: Any, lens: Any, stage: Any, palette: Any, centre: Any, reach: Any) -> None:
    """Floor tiles fading into the backdrop. Fills `stage [H, W, 4]`: linear red, green, blue, and share of floor.

    palette `[4, 3]`: floor, tile contrast, backdrop low, backdrop high; centre `[2]` is the place looked at, behind
    which the floor fades within reach metres.
    """
    height, width = stage.shape[0], stage.shape[1]
    for y in range(height):
        up = (lens[2] - (f32(y) + f32(0.5))) / lens[0]
        for x in range(width):
            side = (f32(x) + f32(0.5) - lens[1]) / lens[0]
            dx = axes[0, 0] * side + axes[1, 0] * up - axes[2, 0]
            dy = axes[0, 1] * side + axes[1, 1] * up - axes[2, 1]
            dz = axes[0, 2] * side + axes[1, 2] * up - axes[2, 2]
            lift = min(max(f32(0.5) + dz * f32(1.6), f32(0)), f32(1))
            floor = f32(0)
            tile = f32(0)
            if dz < f32(-1e-4):
                t = -eye[2] / dz
                px = eye[0] + t * dx
                py = eye[1] + t * dy
                behind = max((centre[0] - px) * axes[2, 0] + (centre[1] - py) * axes[2, 1], f32(0)) / reach
                floor = np.exp(-behind * behind)
                foot = t / lens[0]
                wave_x = _square_wave(px, max(foot, f32(1e-4)))
                wave_y = _square_wave(py, max(foot * min(t / eye[2], f32(1e4)), f32(1e-4)))
                tile = wave_x * wave_y
            for c in range(3):
                back = palette[2, c] + lift * (palette[3, c] - palette[2, c])
                ground = palette[0, c] * (f32(1) + palette[1, c] * tile)
                stage[y, x, c] = back + floor * (ground - back)
            stage[y, x, 3] = floor


@kernel
def light_floor(grid: Any, box: Any, eye: Any, axes: Any, lens: Any, shadow: Any, light: Any, disc: Any, search: Any,
                spread: Any, balls: Any) -> None:  # fmt: skip
    """Key light and open sky on the floor at every `FLOOR_STEP`-th pixel of box: fills `grid [h, w, 2]`.

    Soft shadows need no finer grid, and they are the dearest thing in the picture.
    """
    for j in range(grid.shape[0]):
        up = (lens[2] - f32(box[2] + FLOOR_STEP * j)) / lens[0]
        for i in range(grid.shape[1]):
            side = (f32(box[0] + FLOOR_STEP * i) - lens[1]) / lens[0]
            grid[j, i, 0] = f32(1)
            grid[j, i, 1] = f32(1)
            dz = axes[0, 2] * side + axes[1, 2] * up - axes[2, 2]
            if dz < f32(-1e-4):
                t = -eye[2] / dz
                px = eye[0] + t * (axes[0, 0] * side + axes[1, 0] * up - axes[2, 0])
                py = eye[1] + t * (axes[0, 1] * side + axes[1, 1] * up - axes[2, 1])
                grid[j, i, 0] = _floor_light(shadow, light, px, py, disc, search, spread)
                grid[j, i, 1] = _open_sky(px, py, balls)


@kernel
def _between(grid: Any, j: int, i: int, fy: Any, fx: Any, layer: int) -> Any:
    top = grid[j, i, layer] + fx * (grid[j, i + 1, layer] - grid[j, i, layer])
    low = grid[j + 1, i, layer] + fx * (grid[j + 1, i + 1, layer] - grid[j + 1, i, layer])
    return top + fy * (low - top)


@kernel
def shade_floor(stage: Any, picture: Any, box: Any, grid: Any, shade: Any) -> None:
    """The floor inside box: `picture [H, W, 3]` is `stage [H, W, 4]`, darkened by `light_floor`'s grid, interpolated.

    shade `[3]` is the share of each colour that full shadow leaves.
    """
    left, right, top, bottom = box
    for y in range(top, bottom):
        j = (y - top) // FLOOR_STEP
        fy = (f32(y - top - j * FLOOR_STEP) + f32(0.5)) / f32(FLOOR_STEP)
        for x in range(left, right):
            i = (x - left) // FLOOR_STEP
            fx = (f32(x - left - i * FLOOR_STEP) + f32(0.5)) / f32(FLOOR_STEP)
            lit = _between(grid, j, i, fy, fx, 0)
            sky = _between(grid, j, i, fy, fx, 1)
            floor = stage[y, x, 3]
            for c in range(3):
                share = sky * (shade[c] + (f32(1) - shade[c]) * lit)
                picture[y, x, c] = stage[y, x, c] * (f32(1) - floor * (f32(1) - share))


@kernel
def _blend(values: Any, a: int, b: int, c: int, u: Any, v: Any) -> Any:
    """A row of `values [V, 3]` interpolated over the face a, b, c."""
    w = f32(1) - u - v
    return (
        w * values[a, 0] + u * values[b, 0] + v * values[c, 0],
        w * values[a, 1] + u * values[b, 1] + v * values[c, 1],
        w * values[a, 2] + u * values[b, 2] + v * values[c, 2],
    )


@kernel
def _dot(a: Any, b: Any) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def _unit(a: Any) -> Any:
    scale = f32(1) / np.sqrt(_dot(a, a) + f32(1e-12))
    return a[0] * scale, a[1] * scale, a[2] * scale


@kernel
def _surface_colour(
    point: Any, normal: Any, paint: Any, eye: Any, shadow: Any, light: Any, sun: Any, lamps: Any
) -> Any:
    """Light that one point of the body sends to the eye: key, sky and ground, gloss, rim."""
    view = _unit((eye[0] - point[0], eye[1] - point[1], eye[2] - point[2]))
    facing = _dot(normal, sun)
    lit = f32(0)
    gloss = f32(0)
    if facing > 0:
        shine = _body_light(shadow, light, point[0], point[1], point[2])
        lit = facing * shine
        half = _unit((sun[0] + view[0], sun[1] + view[1], sun[2] + view[2]))
        gloss = max(_dot(normal, half), f32(0)) ** 28 * shine
    edge = f32(1) - max(_dot(normal, view), f32(0))
    rim = edge * edge * edge * (f32(0.35) + f32(0.65) * max(normal[2], f32(0)))
    sky = f32(0.5) + f32(0.5) * normal[2]
    deep = f32(0.55) + f32(0.45) * min(max(point[2], f32(0)) * f32(2.2), f32(1))  # the floor hides half the room
    red = paint[0] * ((lamps[2, 0] * (f32(1) - sky) + lamps[1, 0] * sky) * deep + lamps[0, 0] * lit)
    green = paint[1] * ((lamps[2, 1] * (f32(1) - sky) + lamps[1, 1] * sky) * deep + lamps[0, 1] * lit)
    blue = paint[2] * ((lamps[2, 2] * (f32(1) - sky) + lamps[1, 2] * sky) * deep + lamps[0, 2] * lit)
    return (
        red + lamps[3, 0] * rim * deep + lamps[4, 0] * gloss,
        green + lamps[3, 1] * rim * deep + lamps[4, 1] * gloss,
        blue + lamps[3, 2] * rim * deep + lamps[4, 2] * gloss,
    )


@kernel
def shade_body(face: Any, corner: Any, nearness: Any, faces: Any, points: Any, normals: Any, colours: Any, picture: Any,
               box: Any, samples: int, eye: Any, shadow: Any, light: Any, sun: Any, lamps: Any) -> None:  # fmt: skip
    """Shade the visibility buffer and blend each pixel's mean over `picture [H, W, 3]` inside box.

    The buffer has `samples` x `samples` samples a pixel and starts at the box's left top corner. Within a pixel,
    samples of the same surface (equally near) share one shading. colours `[V, 3]` are linear; sun is the unit direction
    to the key light; lamps `[5, 3]`: key, sky, ground, rim, gloss.
    """
    left, right, top, bottom = box
    whole = samples * samples
    for y in range(top, bottom):
        for x in range(left, right):
            red, green, blue, covered = f32(0), f32(0), f32(0), 0
            colour = (f32(0), f32(0), f32(0))
            shaded_at = f32(-1)
            for sub in range(whole):
                row = (y - top) * samples + sub // samples
                col = (x - left) * samples + sub % samples
                k = face[row, col]
                if k < 0:
                    continue
                covered += 1
                near = nearness[row, col]
                if abs(near - shaded_at) > _SAME_SURFACE * near:
                    shaded_at = near
                    a, b, c = faces[k, 0], faces[k, 1], faces[k, 2]
                    u, v = corner[row, col, 0], corner[row, col, 1]
                    normal = _unit(_blend(normals, a, b, c, u, v))
                    point = _blend(points, a, b, c, u, v)
                    paint = _blend(colours, a, b, c, u, v)
                    colour = _surface_colour(point, normal, paint, eye, shadow, light, sun, lamps)
                red, green, blue = red + colour[0], green + colour[1], blue + colour[2]
            if covered > 0:
                rest = f32(whole - covered) / f32(whole)
                picture[y, x, 0] = picture[y, x, 0] * rest + red / f32(whole)
                picture[y, x, 1] = picture[y, x, 1] * rest + green / f32(whole)
                picture[y, x, 2] = picture[y, x, 2] * rest + blue / f32(whole)


@kernel
def encode(picture: Any, image: Any, box: Any, table: Any) -> None:
    """Linear light to display bytes inside box, by a table over the square root (fine in the dark, where eyes are)."""
    left, right, top, bottom = box
    last = table.shape[0] - 1
    for y in range(top, bottom):
        for x in range(left, right):
            for c in range(3):
                value = picture[y, x, c]
                value = min(value, f32(1)) if value > 0 else f32(0)  # NaN is not above 0
                image[y, x, c] = table[int(np.sqrt(value) * f32(last) + f32(0.5))]
