"""The 2D loss against the 3D loss, a dot for each guess through each camera, and their means over cameras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core_vimo.publish import publish_file

_PANELS = ("depth⁰", "depth¹, per clip", "depth², per joint")


def draw(guesses: Sequence[dict[str, Any]], path: Path) -> None:
    """PNG of what `equivalence.json` holds."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = figure.subplots(1, len(_PANELS))
    for axis, name in zip(axes, _PANELS, strict=True):
        dots = _panel(axis, guesses, name)
    figure.colorbar(dots, ax=axes[-1], label="camera's distance (m)")
    axes[0].set_ylabel("2D loss")
    with publish_file(path) as aside:
        figure.savefig(aside, format="png", dpi=110)


def _panel(axis: Axes, guesses: Sequence[dict[str, Any]], name: str) -> Any:
    in_3d = [guess["in_3d"] for guess in guesses for _ in guess["distance_m"]]
    in_2d = [value for guess in guesses for value in guess["in_2d"][name]]
    distance_m = [value for guess in guesses for value in guess["distance_m"]]
    dots = axis.scatter(in_3d, in_2d, c=distance_m, s=3, alpha=0.5, cmap="viridis", linewidths=0)
    means = [sum(guess["in_2d"][name]) / len(guess["in_2d"][name]) for guess in guesses]
    axis.scatter([guess["in_3d"] for guess in guesses], means, s=14, facecolors="none", edgecolors="#c2410c")
    if name == _PANELS[-1]:
        ends = (min(in_3d), max(in_3d))
        axis.plot(ends, ends, color="#64748b", linewidth=0.8)
    axis.set(xscale="log", yscale="log", title=name, xlabel="3D loss (m²)")
    axis.title.set_fontsize(9)
    return dots
