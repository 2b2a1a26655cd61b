"""Times, memory and tables: several ways of doing one thing, taken in turns so that a busy machine is unfair to all."""

import json
import multiprocessing
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch

from core_vimo.publish import publish_file

OUT = Path("build") / "benchmarks"
_LOOK_EVERY_S = 0.01

Way = Callable[[], object]


@dataclass
class Timing:
    """One way's repeats: seconds on the wall, seconds of all cores, by how much this process grew at most.

    An allocator that keeps what it once had hides memory from all but the first way: `risen_mb` asks a fresh process.
    """

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    risen_mb: list[float] = field(default_factory=list)


@dataclass
class Table:
    """A title, the columns' names, rows of text and sentences below; `timings` are what the rows were made from."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    timings: dict[str, Timing] = field(default_factory=dict)

    def __str__(self) -> str:
        """As Markdown."""
        ruled = [self.columns, ("---",) * len(self.columns), *self.rows]
        lines = ["| " + " | ".join(row) + " |" for row in ruled]
        return "\n\n".join((f"### {self.title}", "\n".join(lines), *self.notes))


def in_turns(ways: Mapping[str, Way], repeats: Mapping[str, int] | int, warm_up: bool = True) -> dict[str, Timing]:
    """Run each way `repeats` times (one number, or one a way), taking turns: a b c, a b c, …

    The warm-up is one turn that does not count, for compilers, allocators and caches.
    """
    counts = repeats if isinstance(repeats, Mapping) else dict.fromkeys(ways, repeats)
    timings = {name: Timing() for name in ways}
    if warm_up:
        for way in ways.values():
            way()
    for turn in range(max(counts.values())):
        for name, way in ways.items():
            if turn < counts[name]:
                _time(way, timings[name])
    return timings


def _time(way: Way, timing: Timing) -> None:
    with _watching_memory() as highest:
        before, wall_s, cpu_s = highest[0], time.perf_counter(), _cpu_s()
        way()
        timing.wall_s.append(time.perf_counter() - wall_s)
        timing.cpu_s.append(_cpu_s() - cpu_s)
    timing.risen_mb.append((highest[0] - before) / 1e6)


def _cpu_s() -> float:
    """Seconds that this process, and those it has waited for, spent on all cores."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def risen_mb(prepare: Callable[..., Way], *arguments: object) -> float:
    """By how many MB memory rises at most while `prepare(*arguments)()` runs, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_risen_mb, prepare, arguments).result()


def _risen_mb(prepare: Callable[..., Way], arguments: tuple[object, ...]) -> float:
    timing = Timing()
    _time(prepare(*arguments), timing)
    return timing.risen_mb[0]


@contextmanager
def _watching_memory() -> Iterator[list[int]]:
    """A list whose only entry is the most resident bytes seen so far."""
    process, over = psutil.Process(), threading.Event()
    highest = [process.memory_info().rss]

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield highest
    finally:
        over.set()
        watcher.join()
        # What is over before the watcher's first look may still hold what it took.
        highest[0] = max(highest[0], process.memory_info().rss)


def spread(seconds: list[float]) -> str:
    """The median, and between what the repeats lie."""
    middle = digits(median(seconds))
    return middle if len(seconds) == 1 else f"{middle} ({digits(min(seconds))}–{digits(max(seconds))})"


def ratio(base: Timing, other: Timing) -> str:
    """How many times less `other` takes, on the wall and of the cores, from medians."""
    return f"{_times(base.wall_s, other.wall_s)} / {_times(base.cpu_s, other.cpu_s)}"


def _times(base: list[float], other: list[float]) -> str:
    return f"{digits(median(base) / max(median(other), 1e-9))}×"


def per_second(amount: float, timing: Timing) -> str:
    """`amount` done in each repeat, as a rate on the wall."""
    return digits(amount / median(timing.wall_s))


def digits(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What the numbers hang on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "bfloat16 in the processor": has_bfloat16(),
        "memory (GB)": round(psutil.virtual_memory().total / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch threads": torch.get_num_threads(),
        "load in the last minute": round(os.getloadavg()[0], 1),
    }


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself, as far as this torch can tell."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def publish(subject: str, tables: list[Table], facts: dict[str, Any]) -> None:
    """Print the tables and keep them, with every repeat, in build/benchmarks/SUBJECT.json."""
    print("", *tables, sep="\n\n", flush=True)
    content = {"subject": subject, "machine": facts, "tables": [asdict(table) for table in tables]}
    path = OUT / f"{subject}.json"
    with publish_file(path) as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{path}", flush=True)
