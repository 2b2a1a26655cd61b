"""How much of a style each way has learned, what it forgot, and what the dial and a timeline do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.fit_to_song.dances import Dances, generate
from benchmarks.fit_to_song.excerpts import Excerpt
from benchmarks.fit_to_song.quality import table, with_copying
from benchmarks.styles.classifier import StyleClassifier
from benchmarks.styles.domains import Style, measured, songs, windows_of
from benchmarks.styles.systems import BASE, BRANCH, FINETUNE, load, told, trained
from core_vimo.metrics.bootstrap import mean_estimate
from core_vimo.metrics.measures import Measured
from core_vimo.metrics.report import Report
from core_vimo.motion import FPS, Motion
from edge_adapter.build import DanceModel
from edge_adapter.dance_data import DanceSet, PairedDance
from stylize.dance import DanceSettings

DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)
COPYING_WINDOWS = 24
_BORDER_REACH = 5


@dataclass(frozen=True)
class Plan:
    """bundle: the base; data: what it learned from, with its test songs; style: the data set of the style's dances."""

    bundle: Path
    data: Path
    style: Path
    pattern: str
    learned: tuple[str, ...]
    out: Path
    seeds: int = 3
    takes: int = 2
    seconds: float = 20.0
    overrides: tuple[str, ...] = ()
    settings: DanceSettings = field(default_factory=DanceSettings)


class Measurement:
    """Trains what isn't trained yet, dances, and measures, a part at a time."""

    def __init__(self, plan: Plan, base: DanceModel) -> None:
        self.plan, self.base = plan, base
        self.style = Style.of(plan.style, plan.pattern, plan.learned)
        names = [dance.name for dance in self.style.held_out]
        self.style_songs = songs(plan.style, names, base.extractor, plan.seconds, plan.settings.seed)
        tests = DanceSet(plan.data, "test")
        self.base_real = measured([tests[index] for index in range(len(tests))])
        self.base_songs = songs(
            plan.data, [row["name"] for row in tests.rows], base.extractor, plan.seconds, plan.settings.seed
        )
        self.style_real = measured(self.style.held_out)
        self.classifier, self.accuracy = _classifier(plan.data, self.style.held_out, self.base_real)
        self.models: dict[str, list[DanceModel]] = {BASE: [base] * plan.seeds, FINETUNE: [], BRANCH: []}

    def train(self, clips: Path) -> None:
        for method in (BRANCH, FINETUNE):
            for seed in range(self.plan.seeds):
                run = trained(method, seed, self.plan.bundle, clips, self.plan.out, list(self.plan.overrides))
                self.models[method].append(load(method, run, self.base))

    def parts(self) -> Iterator[tuple[str, Report | list[dict[str, Any]]]]:
        """Each as soon as it is measured."""
        on_style = self._sets(self.style_songs, "the style's songs")
        on_base = self._sets(self.base_songs, "the base's songs")
        yield "the style's held-out songs, against the style's held-out dances", self._report(on_style, self.style_real)
        yield "the base's test songs, against the style's held-out dances", self._report(on_base, self.style_real)
        yield "the base's test songs, against the base's test dances", self._report(on_base, self.base_real)
        yield "style off", [self._off()]
        yield "dial", self._dial()
        yield "timeline", self._timeline()

    def _sets(self, excerpts: list[Excerpt], where: str) -> dict[str, list[Measured]]:
        return {
            name: self._danced(models, name, excerpts, f"{name} to {where}") for name, models in self.models.items()
        }

    def _danced(
        self, models: Sequence[DanceModel], name: str, excerpts: list[Excerpt], what: str, strength: float = 1.0
    ) -> list[Measured]:
        """The windows of the dances of all seeds: each seed's model dances from noise of its own."""
        heard = told(excerpts, strength) if name == BRANCH else excerpts
        return [
            window
            for seed, model in enumerate(models)
            for window in _windows(self._generate(model, heard, seed, f"{what}, seed {seed}"), excerpts)
        ]

    def _generate(self, model: DanceModel, heard: list[Excerpt], seed: int, what: str) -> Dances:
        settings = replace(self.plan.settings, seed=self.plan.settings.seed + 100 * seed)
        return generate(model, heard, settings, self.plan.takes, what)

    def _report(self, sets: Mapping[str, list[Measured]], reference: Sequence[Measured]) -> Report:
        seed = self.plan.settings.seed
        report = table(sets, reference, seed)
        seen = [
            replace(row, metrics={**row.metrics, "classified_as_style": self._share(row.clips, row.name)})
            for row in report.rows
        ]
        learned = [dance.motion for dance in self.style.learned]
        note = f"the classifier tells held-out style from the base's test dances in {self.accuracy:.0%} of the windows"
        report = replace(report, rows=seen, notes=[*report.notes, note], clips_are="5 s windows")
        return with_copying(report, learned, COPYING_WINDOWS)

    def _share(self, clips: Sequence[Measured], name: str) -> Any:
        return mean_estimate(torch.as_tensor(self.classifier(clips)), self.plan.settings.seed, f"{name} classified")

    def _off(self) -> dict[str, Any]:
        """The largest difference between the base and the branch at strength 0, of any number of any dance."""
        excerpts = self.base_songs[:2]
        plain = self._generate(self.base, excerpts, 0, "base")
        off = self._generate(self.models[BRANCH][0], told(excerpts, 0.0), 0, "strength 0")
        pairs = zip((m for takes in plain for m in takes), (m for takes in off for m in takes), strict=True)
        apart = [(a.joints_m() - b.joints_m()).abs().max() for a, b in pairs]
        return {"largest difference of joints, m": float(torch.stack(apart).max()), "dances": len(apart)}

    def _dial(self) -> list[dict[str, Any]]:
        rows = []
        for strength in DIAL:
            what = f"strength {strength:g}"
            clips = self._danced(self.models[BRANCH], BRANCH, self.base_songs, what, strength)
            row = table({what: clips}, self.style_real, self.plan.settings.seed).rows[0]
            shown = ("fid_k_fixed", "fid_m_fixed", "foot_skate_ratio", "beat_f1")
            rows.append(
                {"strength": strength}
                | {name: row.metrics[name].value for name in shown}
                | {"classified_as_style": self._share(clips, what).value}
            )
        return rows

    def _timeline(self) -> list[dict[str, Any]]:
        """The style comes in half way: how alike the dance is to the one without and the one with it, and the jerk."""
        rows = []
        for number, model in enumerate(self.models[BRANCH]):
            excerpts = self.base_songs
            without, within = (self._generate(model, told(excerpts, s), number, f"strength {s:g}") for s in (0.0, 1.0))
            changing = [told([excerpt], _step(excerpt))[0] for excerpt in excerpts]
            dances = self._generate(model, changing, number, "strength 0 to 1")
            for excerpt, *takes in zip(excerpts, without, within, dances, strict=True):
                rows.append({"seed": number, "song": excerpt.name} | _change(excerpt, *[take[0] for take in takes]))
        return rows


def _classifier(
    data: Path, held_out: Sequence[PairedDance], base_real: Sequence[Measured]
) -> tuple[StyleClassifier, float]:
    """Taught with the base's training dances and every other held-out dance of the style; right on the others."""
    training = DanceSet(data, "train")
    plain = [training[i] for i, row in enumerate(training.rows) if "+" not in row["name"]]
    classifier = StyleClassifier(measured(held_out[::2]), measured(plain))
    return classifier, classifier.accuracy(measured(held_out[1::2]), base_real)


def _windows(dances: Dances, excerpts: Sequence[Excerpt]) -> list[Measured]:
    return [
        window
        for takes, excerpt in zip(dances, excerpts, strict=True)
        for number, motion in enumerate(takes)
        for window in windows_of(f"{excerpt.name} {number}", motion, excerpt.beats_s)
    ]


def _border(excerpt: Excerpt) -> int:
    """The frame of the beat nearest to the middle."""
    beats = np.asarray(excerpt.beats_s)
    return round(float(beats[np.abs(beats - excerpt.seconds / 2).argmin()]) * FPS)


def _count_frames(excerpt: Excerpt) -> int:
    return round(float(np.median(np.diff(excerpt.beats_s))) * FPS)


def _step(excerpt: Excerpt) -> Tensor:
    """0, then 1, over one count."""
    frame = torch.arange(len(excerpt))
    return ((frame - _border(excerpt)) / _count_frames(excerpt) + 0.5).clamp(0, 1)


def _change(excerpt: Excerpt, without: Motion, within: Motion, changing: Motion) -> dict[str, float]:
    border, count = _border(excerpt), _count_frames(excerpt)
    before, after = slice(0, border - count), slice(border + count, len(excerpt))
    jerk = _jerk(changing)
    near = jerk[border - _BORDER_REACH : border + _BORDER_REACH].mean()
    return {
        "before, m from off": _apart(changing, without, before),
        "before, m from on": _apart(changing, within, before),
        "after, m from off": _apart(changing, without, after),
        "after, m from on": _apart(changing, within, after),
        "jerk at the change over the median": float(near / jerk.median()),
        "the same frames without a change": float(
            _jerk(without)[border - _BORDER_REACH : border + _BORDER_REACH].mean() / _jerk(without).median()
        ),
    }


def _apart(a: Motion, b: Motion, frames: slice) -> float:
    """Mean distance of the joints, pelvis on pelvis, metres."""
    centred = [m.joints_m()[frames] - m.root_m[frames, None] for m in (a, b)]
    return float((centred[0] - centred[1]).norm(dim=-1).mean())


def _jerk(motion: Motion) -> Tensor:
    """Mean over joints, `[S - 3]`."""
    return (motion.joints_m().diff(n=3, dim=0) * motion.fps**3).norm(dim=-1).mean(-1)
