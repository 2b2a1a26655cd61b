"""One file of a take for the person: what there is already, a film, a page, or what Blender makes."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_vimo.errors import InputError
from core_vimo.publish import publish_into
from stylize.progress import Report
from stylize.studio.bench import Bench
from stylize.studio.project import Take
from stylize.studio.tasks import Export

if TYPE_CHECKING:
    from stylize.take_files import Sound


def export(bench: Bench, task: Export, report: Report) -> dict[str, Any]:
    """One file of a take, into the project's exports. Raises InputError."""
    take = bench.content.take(task.take)
    report("Writing", 0, 1)
    with publish_into(bench.project.export_folder(bench.id)) as aside:
        target = aside / f"{take.stem}.{task.format}"
        if task.format == "mp4":
            _film(bench, task, take, target, report)
        elif task.format == "html":
            _page(bench, take, target)
        elif task.format in ("fbx", "usd"):
            from stylize.blender import convert

            report("Blender", 0, 1)
            convert(bench.project.take_path(take.id, ".glb"), target)
            report("Blender", 1, 1)
        elif task.format == "counts.csv" and take.start_s is None:
            raise InputError(f"{take.label}: has no song, so nothing is counted; choose a take that was danced to one")
        else:
            shutil.copyfile(bench.project.take_path(take.id, f".{task.format}"), target)
    report("Writing", 1, 1)
    return {"file": target.name}


def _film(bench: Bench, task: Export, take: Take, target: Path, report: Report) -> None:
    from core_vimo.formats import read_motion
    from stylize.render.lettering import CountOverlay
    from stylize.render.video import write_video

    sound = _sound(bench, take)
    write_video(
        read_motion(bench.project.take_path(take.id)),
        target,
        song=sound.song if sound else None,
        start_s=sound.start_s if sound else 0.0,
        size=task.size,
        follow_dancer=task.follow,
        overlay=CountOverlay.of(sound.grid) if sound and task.counts and len(sound.grid.beats_s) else None,
        progress=lambda done, total: report("Filming", done, total),
    )


def _page(bench: Bench, take: Take, target: Path) -> None:
    from core_vimo.formats import read_motion
    from stylize.html_page import write_html_page

    write_html_page(read_motion(bench.project.take_path(take.id)), target, _sound(bench, take), take.label)


def _sound(bench: Bench, take: Take) -> "Sound | None":
    """A take's song from where the take begins, its beats as they are counted now."""
    from stylize.dance import DanceSettings, listen
    from stylize.take_files import Sound

    song, start_s = bench.song_of(take), take.start_s or 0.0
    if song is None:
        return None
    ours = song == bench.song_path()
    counted = {"tempo": bench.song["tempo"], "first_count": bench.song["first_count"]} if ours else {}
    return Sound(song, start_s, listen(song, "librosa35", DanceSettings(start_s=start_s, **counted)).grid)
