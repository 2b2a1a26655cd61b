"""The whole measurement of one bundle, a part at a time; each part is plain numbers for the file of results."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fit_to_song import alignment, long_song, quality, solver
from benchmarks.fit_to_song.dances import Dances, copied, generate
from benchmarks.fit_to_song.excerpts import (
    Excerpt,
    long_excerpt,
    paired_excerpts,
    real_dances,
    real_excerpts,
    rendered_excerpts,
)
from core_vimo.metrics.measures import Measured, measure
from core_vimo.metrics.report import Report
from core_vimo.metrics.tables import as_json, as_markdown
from edge_adapter.build import DanceModel
from edge_adapter.dance_data import DanceSet
from stylize.dance import DanceSettings

OURS, COPIES, NO_MUSIC, REAL = "model", "copied training clips", "no music (guidance 0)", "real dancers"
GUIDANCES = (0.0, 1.0, 2.0, 3.0, 4.0)
OTHER_TAKES = 2
"""Dances a song where the songs aren't real ones."""

LAGS_S = np.arange(-12, 13) / 30
SOLVER_SONGS, SOLVER_SECONDS = 2, 8.0
COPYING_DANCES = 12


@dataclass(frozen=True)
class Plan:
    """What is measured, and on how much."""

    songs: Path
    data: Path | None
    long_song: Path | None
    settings: DanceSettings
    takes: int = 3
    rendered: int = 6
    seconds: float = 20.0
    held_out_seconds: float = 30.0
    long_seconds: float = 240.0


@dataclass(frozen=True, eq=False)
class Table:
    """A part's result: its numbers, and the same for a reader."""

    numbers: Any
    markdown: str


class Measurement:
    """The parts share excerpts, and the dances to real songs with the music heard and unheard."""

    def __init__(self, model: DanceModel, plan: Plan) -> None:
        self.model, self.plan = model, plan
        self.real = real_excerpts(plan.songs, model.extractor, plan.seconds, plan.settings.seed)
        self.rendered = rendered_excerpts(plan.rendered, model.extractor, plan.seconds)
        self.held_out = (
            paired_excerpts(plan.data, "test", model.extractor, plan.held_out_seconds, plan.settings.seed)
            if plan.data
            else []
        )
        self.to_real_songs = self._generate(self.real, plan.settings, plan.takes, "Dancing to real songs")
        unheard = replace(plan.settings, guidance=0.0)
        self.without_music = self._generate(self.real, unheard, plan.takes, "Dancing to nothing")

    def parts(self) -> Iterator[tuple[str, Table]]:
        """One after the other, so that each can be kept when it is done."""
        yield "songs", self._songs()
        yield "alignment", self._alignment()
        if self.plan.data:
            yield "quality", _report_table(self._quality(self.plan.data))
        if self.plan.long_song:
            yield "long song", self._long_song(self.plan.long_song)
        yield "guidance", self._guidance()
        yield "steps", self._steps()

    def _songs(self) -> Table:
        rows = [
            {
                "set": name,
                "song": excerpt.name,
                "seconds": round(excerpt.seconds, 2),
                "heard_bpm": round(excerpt.heard.grid.tempo_bpm, 1),
                "confidence": round(excerpt.heard.grid.confidence, 2),
                "scored_bpm": round(60 / float(np.median(np.diff(excerpt.beats_s))), 1),
                "beats": "known" if excerpt.known else "tracked, or the data's",
            }
            for name, excerpts in self._sets().items()
            for excerpt in excerpts
        ]
        return Table(rows, _rows_markdown(rows))

    def _sets(self) -> dict[str, Sequence[Excerpt]]:
        sets = {"real songs": self.real, "rendered songs": self.rendered, "held-out songs": self.held_out}
        return {name: excerpts for name, excerpts in sets.items() if excerpts}

    def _alignment(self) -> Table:
        plan = self.plan
        compared: dict[str, tuple[Dances, Sequence[Excerpt]]] = {
            f"{OURS}, real songs": (self.to_real_songs, self.real),
            f"{NO_MUSIC}, real songs": (self.without_music, self.real),
        }
        for name, excerpts in list(self._sets().items())[1:]:
            dances = self._generate(excerpts, plan.settings, OTHER_TAKES, f"Dancing to {name}")
            compared[f"{OURS}, {name}"] = (dances, excerpts)
        if plan.data:
            copies = copied(plan.data, self.real, plan.takes, plan.settings.seed)
            compared[f"{COPIES}, real songs"] = (copies, self.real)
            for which, excerpts in (("held-out", self.held_out), ("all the data's", self._all_paired(plan.data))):
                compared[f"{REAL}, {which} songs"] = ([[e.real] for e in excerpts if e.real], excerpts)
        numbers = {name: self._against_other_songs(*pair) for name, pair in compared.items()}
        return Table(numbers, _alignment_markdown(numbers))

    def _all_paired(self, data: Path) -> list[Excerpt]:
        """Training dances too: the held-out ones are too few to tell how much real dancers are on the beat."""
        seconds, seed = self.plan.held_out_seconds, self.plan.settings.seed
        return [*self.held_out, *paired_excerpts(data, "train", self.model.extractor, seconds, seed)]

    def _against_other_songs(self, dances: Dances, excerpts: Sequence[Excerpt]) -> dict[str, Any]:
        music = [alignment.Music(excerpt.beats_s, excerpt.seconds) for excerpt in excerpts]
        compared = alignment.compare(dances, music, self.plan.settings.seed)
        profile = alignment.lag_profile(dances, music, LAGS_S)
        return {
            "songs": [excerpt.name for excerpt in excerpts],
            "dances": sum(map(len, dances)),
            **{metric: asdict(result) for metric, result in compared.items()},
            "lag_profile": [
                [round(lag, 4), value] for lag, value in zip(LAGS_S.tolist(), profile.tolist(), strict=True)
            ],
        }

    def _quality(self, data: Path) -> Report:
        plan = self.plan
        sets = {
            OURS: self.to_real_songs,
            NO_MUSIC: self.without_music,
            COPIES: copied(data, self.real, plan.takes, plan.settings.seed),
        }
        measured = {name: quality.measure_all(dances, self.real) for name, dances in sets.items()}
        report = quality.table(measured, self._reference(data), plan.settings.seed)
        return quality.with_copying(report, DanceSet(data, "train").motions(), COPYING_DANCES)

    def _reference(self, data: Path) -> list[Measured]:
        return [measure(name, motion, beats_s) for name, motion, beats_s in real_dances(data, self.plan.seconds)]

    def _guidance(self) -> Table:
        sets = {f"guidance {weight:g}": self._first_takes(weight) for weight in GUIDANCES}
        aligned = {name: self._against_other_songs(dances, self.real) for name, dances in sets.items()}
        numbers: dict[str, Any] = {"alignment": aligned}
        text = _alignment_markdown(aligned)
        if self.plan.data:
            measured = {name: quality.measure_all(dances, self.real) for name, dances in sets.items()}
            report = _report_table(quality.table(measured, self._reference(self.plan.data), self.plan.settings.seed))
            numbers["quality"], text = report.numbers, text + "\n" + report.markdown
        return Table(numbers, text)

    def _first_takes(self, weight: float) -> Dances:
        """The first dance of each real song, made again where the other parts don't have it."""
        made = {self.plan.settings.guidance: self.to_real_songs, 0.0: self.without_music}.get(weight)
        if made:
            return [takes[:1] for takes in made]
        return self._generate(
            self.real, replace(self.plan.settings, guidance=weight), 1, f"Dancing with guidance {weight:g}"
        )

    def _steps(self) -> Table:
        excerpts = [excerpt.first(SOLVER_SECONDS) for excerpt in self.real[:: max(len(self.real) // SOLVER_SONGS, 1)]]
        settings = self.plan.settings
        knees = solver.knee(self.model, excerpts[:SOLVER_SONGS], settings.guidance, settings.seed)
        rows = [asdict(knee) for knee in knees]
        return Table(rows, _rows_markdown(rows))

    def _long_song(self, path: Path) -> Table:
        excerpt = long_excerpt(path, self.model.extractor, self.plan.long_seconds)
        numbers = asdict(long_song.long_dance(self.model, excerpt, self.plan.settings))
        facts = {name: value for name, value in numbers.items() if not isinstance(value, dict)}
        windows = [{"windows": name, **numbers[name]} for name in ("tied", "untied")]
        return Table(numbers, _rows_markdown([facts]) + "\n" + _rows_markdown(windows))

    def _generate(self, excerpts: Sequence[Excerpt], settings: DanceSettings, takes: int, what: str) -> Dances:
        return generate(self.model, excerpts, settings, takes, what)


def _report_table(report: Report) -> Table:
    return Table(json.loads(as_json(report)), as_markdown(report))


def _alignment_markdown(numbers: dict[str, Any]) -> str:
    rows = [
        {
            "dances": f"{name} ({len(result['songs'])} songs, {result['dances']} dances)",
            "metric": metric,
            "own song": _interval(result[metric]["own"]),
            "other songs": _interval(result[metric]["other"]),
            "own - other": _interval(result[metric]["difference"]),
            "p": f"{result[metric]['p']:.4f}",
        }
        for name, result in numbers.items()
        for metric in alignment.METRICS
    ]
    return _rows_markdown(rows)


def _interval(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _rows_markdown(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(map(_shown, row.values())) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
