"""The page on which a person looks at a clip set: every window's picture, verdict and reason; one file, no server.

A click overrules a verdict; the page writes `overrules.json` for the set's folder, where training reads it.
"""

import base64
import html
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from core_vimo.clip_set import ITEMS, OVERRULES, SPLITS, Clip, ClipSet
from core_vimo.motion import FPS
from core_vimo.publish import publish_file
from stylize.style_clips.hold_out import ACROSS, BOTH
from stylize.style_clips.prepare import Record, WindowFacts
from stylize.style_clips.verdict import REASONS, Facts

PAGE = "page.html"

MOST_SHOWN = 4000
"""Pictures in one page, some 25 MB; of larger sets each clip shows windows evenly through it, and the page says so."""

_FEWEST_SHOWN = 2


def write_page(clips: ClipSet, records: Sequence[Record], path: Path) -> None:
    """`records` are those of `clips.clips`, told of copies."""
    verdicts, first = clips.verdicts(), 0
    shares = np.asarray(clips.windows["split"])
    most = max(MOST_SHOWN // max(len(records), 1), _FEWEST_SHOWN)
    sections = []
    for clip, record in zip(clips.clips, records, strict=True):
        rows = slice(first, first + len(record.windows))
        first = rows.stop
        sections.append(_section(clips, clip, record, rows, verdicts[rows], shares[rows], most))
    shown = sum(min(most, len(record.windows)) for record in records)
    title = path.resolve().parent.parent.name if path.resolve().parent.name == "clips" else path.resolve().parent.name
    text = Template((files(__package__) / "page.html.template").read_text()).substitute(
        title=html.escape(title),
        counts=_counts(clips, verdicts),
        left_out=f"Shown are {shown:,} of {len(clips):,} windows, evenly through each clip."
        if shown < len(clips)
        else "",
        reasons=_reasons(clips),
        sections="\n".join(sections),
        overrules_name=OVERRULES,
        overrules=_script({f"{name}/{take}/{start}": kept for (name, take, start), kept in clips.overrules.items()}),
    )
    with publish_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _counts(clips: ClipSet, verdicts: np.ndarray) -> str:
    usable = sum(clip.failed is None for clip in clips.clips)
    unused = len(clips.clips) - usable
    facts = [
        ("clips", f"{usable}", f'<small class="warn">{unused} of no use</small>' if unused else ""),
        ("windows", f"{len(clips):,}", f"<small>of {clips.window_frames / FPS:g} s</small>"),
        ("to train on", f"{len(clips.kept('train')):,}", ""),
        ("to test on", f"{len(clips.kept('test')):,}", ""),
        ("rejected", f"{int((~verdicts).sum()):,}", ""),
    ]
    return "".join(f'<div class="fact"><b>{n}</b><span>{what}</span>{more}</div>' for what, n, more in facts)


def _reasons(clips: ClipSet) -> str:
    counts = np.bincount(np.asarray(clips.windows["reason"]), minlength=len(REASONS))
    return "".join(
        f'<button data-show="{html.escape(reason.word)}">{html.escape(reason.word)} <i>{count:,}</i></button>'
        for reason, count in zip(REASONS[1:], counts[1:], strict=True)
        if count
    )


def _section(
    clips: ClipSet, clip: Clip, record: Record, rows: slice, verdicts: np.ndarray, splits: np.ndarray, most: int
) -> str:
    name = html.escape(clip.name)
    if clip.failed is not None:
        return f'<section class="failed"><h2>{name}</h2><p class="why">{html.escape(clip.failed)}</p></section>'
    chosen = np.unique(np.linspace(0, len(record.windows) - 1, min(most, len(record.windows))).round().astype(int))
    cells = "".join(_cells(clips, clip, record, rows.start, verdicts, splits, chosen.tolist()))
    split = {"test": "held out for testing", BOTH: "its end held out for testing"}.get(clip.split, "for training")
    facts = f"{clip.kind} · {clip.frames / FPS:.1f} s · {clip.takes} {'take' if clip.takes == 1 else 'takes'} · {split}"
    note = f'<p class="note">{html.escape(record.note)}</p>' if record.note else ""
    return (
        f'<section><h2>{name}</h2><p class="facts">{facts} · sound: {html.escape(clip.sound)}</p>{note}'
        f'<div class="windows">{cells}</div></section>'
    )


def _cells(
    clips: ClipSet, clip: Clip, record: Record, first: int, verdicts: np.ndarray, splits: np.ndarray, chosen: list[int]
) -> Iterator[str]:
    for number in chosen:
        window, reason = record.windows[number], REASONS[int(clips.windows["reason"][first + number])]
        picture = base64.b64encode((clips.folder / ITEMS / clip.name / window.picture).read_bytes()).decode()
        split = {SPLITS["test"]: "test", ACROSS: "across"}.get(int(splits[number]), "train")
        says = reason.says(window.facts) or "kept"
        if split == "across":
            says += "; lies across the border of what is held out, so neither side uses it"
        yield (
            f'<figure tabindex="0" data-key="{html.escape(clip.name)}/{window.take}/{window.start}" '
            f'data-verdict="{int(not reason.word)}" data-kept="{int(verdicts[number])}" '
            f'data-reason="{html.escape(reason.word)}" class="{split}">'
            f'<img loading="lazy" alt="" src="data:image/png;base64,{picture}"><figcaption>'
            f"<b>{_when(window, clips.window_frames, clip.takes)}</b>{_badge(split)}<span>{html.escape(says)}</span>"
            f"<small>{_numbers(window.facts)}</small></figcaption></figure>"
        )


def _badge(split: str) -> str:
    return {"test": "<em>test</em>", "across": "<em>unused</em>"}.get(split, "")


def _when(window: WindowFacts, frames: int, takes: int) -> str:
    begin = window.start / FPS
    take = f" · take {window.take + 1}" if takes > 1 else ""
    return f"{begin:.1f}–{begin + frames / FPS:.1f} s{take}"


def _numbers(facts: Facts) -> str:
    copy = f" · nearest {100 * facts.copy_m:.1f} cm" if np.isfinite(facts.copy_m) else ""
    return (
        f"seen {facts.visibility:.0%} · jitter {facts.jitter:.0f} · slide {facts.skating_m_s:.2f} m/s · "
        f"float {100 * facts.float_m:.0f} cm{copy}"
    )


def _script(value: object) -> str:
    """JSON that can't end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
