"""Settings that change over a run: a number, or knots `[fraction of the run, value]` with straight lines between."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from core_vimo.errors import InputError


@dataclass(frozen=True)
class Course:
    """A value over a run: straight lines between knots (optimiser step, value).

    Before the first knot and after the last it stays; of two knots at one step the later one counts from there on.
    """

    knots: tuple[tuple[float, float], ...]

    @property
    def ever(self) -> bool:
        """Whether it is above 0 at any step."""
        return any(value > 0 for _, value in self.knots)

    def at(self, step: int) -> float:
        after = bisect_right(self.knots, float(step), key=lambda knot: knot[0])
        if after in (0, len(self.knots)):
            return self.knots[max(after - 1, 0)][1]
        (begin, low), (end, high) = self.knots[after - 1 : after + 1]
        return low + (high - low) * (step - begin) / (end - begin)


def build_course(setting: Any, name: str, run_steps: int | None, most: float = 1e6) -> Course:
    """The course of a setting from 0 to `most`: a number, or knots [fraction of the run, number], rising.

    Raises InputError for anything else, and for knots in a run of which only the minutes are known.
    """
    knots = [(0.0, setting)] if _is_number(setting, most) else setting
    if not (isinstance(knots, list | tuple) and knots and all(_is_knot(knot, most) for knot in knots)):
        raise InputError(
            f"{name}={setting!s:.60} must be a number from 0 to {most:g}, or a list of [fraction of the run, number]"
        )
    if any(later[0] < sooner[0] for sooner, later in pairwise(knots)):
        raise InputError(f"{name}={setting!s:.60}: the fractions of the run must rise; put its knots in order")
    if len(knots) > 1 and run_steps is None:
        raise InputError(f"{name} goes by fractions of a run that has no number of steps; give trainer.steps")
    return Course(tuple((fraction * (run_steps or 0), value) for fraction, value in knots))


def build_lambdas(loss: Mapping[str, Any], run_steps: int | None) -> dict[str, Course]:
    """The weights of the loss's terms, as a config of `configs/loss/` has them."""
    return {name: build_course(value, f"loss.{name}", run_steps) for name, value in loss.items()}


def _is_knot(knot: Any, most: float) -> bool:
    return isinstance(knot, list | tuple) and len(knot) == 2 and _is_number(knot[0], 1) and _is_number(knot[1], most)


def _is_number(value: Any, most: float) -> bool:
    return type(value) in (int, float) and 0 <= value <= most
