"""Where a worker does a job: the project, what the job goes by, and where it puts what it makes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from core_vimo.publish import MANIFEST
from core_vimo.reading import read_json
from stylize.studio.project import Content, Project, Take
from stylize.studio.storage import Storage
from stylize.studio.tasks import Task, task_of


class Bench:
    """A job in its project: what it goes by, and where it puts what it makes."""

    def __init__(self, file: Path) -> None:
        job = read_json(file)
        self.storage = Storage(file.parent.parent)
        self.project = Project(self.storage, job["project"])
        self.content: Content = self.project.read()
        self.task: Task = task_of(job["kind"], job["settings"])
        self.id: str = job["id"]
        self.what: str = job["what"]
        self.song: dict[str, Any] = job["song"]

    @property
    def takes(self) -> Path:
        return self.project.take_folder(self.id)

    def media(self, id: str) -> Path:
        return self.project.media_path(id)

    def song_path(self) -> Path | None:
        return None if self.song["song"] is None else self.media(self.song["song"])

    def song_of(self, take: Take) -> Path | None:
        """The song in this project that a take was danced to; its manifest may name a place it lay at long ago."""
        sha256 = self.manifest_of(take).get("song_sha256")
        found = [media for media in self.content.media if media.sha256 == sha256]
        return self.media(found[0].id) if found else None

    def manifest_path(self, take: Take) -> Path:
        return self.project.take_folder(take.folder) / MANIFEST

    def manifest_of(self, take: Take) -> dict[str, Any]:
        manifest: dict[str, Any] = read_json(self.manifest_path(take))
        return manifest

    def in_its_words(self, sentence: str) -> str:
        """What a recipe says of a file of the project, with the name its owner knows it by in place of its path."""
        for media in self.content.media:
            sentence = sentence.replace(str(self.project.folder / "media" / media.file), media.label)
        for take in {take.id: take for step in self.content.history for take in step.state.takes}.values():
            sentence = sentence.replace(str(self.project.take_folder(take.folder) / f"{take.stem}.npz"), take.label)
        return sentence

    def styled(self) -> dict[str, Any]:
        """Styles and timeline as the recipes' settings know them; only those of the library, by name."""
        if not (self.song["styles"] or self.song["timeline"]):
            return {}
        return {"styles": tuple(self.song["styles"]), "timeline": self.song["timeline"]}

    def made(self, manifest: dict[str, Any], parent: str | None = None, filmed: str | None = None) -> dict[str, Any]:
        """The takes of a recipe's manifest, best first, as rows of `Take`."""
        takes = (self._take(manifest, row, place) for place, row in enumerate(manifest["takes"], start=1))
        return {"takes": [asdict(take) | {"parent": parent, "filmed": filmed} for take in takes]}

    def _take(self, manifest: dict[str, Any], row: dict[str, Any], place: int) -> Take:
        from core_vimo.formats import read_motion

        (file,) = (name for name in row["files"] if name.endswith(".npz"))
        stem = file.removesuffix(".npz")
        return Take(
            id=f"{self.id}-{stem}",
            label=self.what if len(manifest["takes"]) == 1 else f"{self.what}, take {place}",
            folder=self.id,
            stem=stem,
            seed=row["seed"],
            seconds=round(read_motion(self.takes / file).seconds, 3),
            start_s=manifest["audio_offset_s"] if manifest.get("song") else None,
            numbers=row["numbers"],
            made_s=tuple(map(tuple, manifest.get("made_s") or manifest.get("remade_s") or ())),
            said=tuple(manifest.get("said", ())),
        )
