"""What one open page knows: whose project it shows, what is selected, and who wants to hear of changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stylize.studio.access import Access
from stylize.studio.counting import counted
from stylize.studio.jobs import Job, JobQueue
from stylize.studio.project import Content, Project, Projects, State, Take
from stylize.studio.storage import Media, Storage
from stylize.studio.tasks import KINDS, MAKES_TAKES, Task

Span = tuple[float, float]


@dataclass(frozen=True)
class Studio:
    """What all pages share."""

    storage: Storage
    projects: Projects
    queue: JobQueue
    access: Access


@dataclass(eq=False)
class Session:
    """One open page of a project. span is what is selected, in seconds of the song (of the clip without one).

    open opens one of the page's parts by its name.
    """

    studio: Studio
    project: Project
    content: Content = field(init=False)
    jobs: list[Job] = field(init=False, default_factory=list)
    span: Span | None = None
    open: Callable[[str], None] = lambda _panel: None
    _showing: list[Callable[[], None]] = field(default_factory=list)
    _showing_jobs: list[Callable[[], None]] = field(default_factory=list)
    _listened: tuple[str, dict[str, Any]] | None = None
    _watched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.content = self.project.read()
        self._watched = {take.id for step in self.content.history for take in step.state.takes}
        self.jobs = self.studio.queue.jobs(self.project.id)

    @property
    def state(self) -> State:
        return self.content.state

    # --- who shows what

    def shows(self, show: Callable[[], None]) -> None:
        """Call this now, and whenever the project or the selection changes."""
        self._showing.append(show)
        show()

    def shows_jobs(self, show: Callable[[], None]) -> None:
        """Call this now, and whenever a job of the project moves."""
        self._showing_jobs.append(show)
        show()

    def look(self) -> None:
        """See what another tab, or a job, did; called several times a second."""
        jobs = self.studio.queue.jobs(self.project.id)
        if jobs != self.jobs:
            ended = {job.id for job in jobs if job.over} - {job.id for job in self.jobs if job.over}
            self.jobs = jobs
            self._show(self._showing_jobs)
            if ended:
                self.refresh()
        if self.project.revision() != self.content.revision:
            self.refresh()

    def refresh(self) -> None:
        self.content = self.project.read()
        self._watched |= {id for id in (self.state.shown, self.state.beside) if id is not None}
        self._show(self._showing)

    def select(self, span: Span | None) -> None:
        self.span = span
        self._show(self._showing)

    def _show(self, showing: list[Callable[[], None]]) -> None:
        for show in showing:
            show()

    # --- what is done

    def change(self, what: str, edit: Callable[[State], State]) -> None:
        """One step that undo takes back. Raises InputError."""
        self.project.change(what, edit)
        self.refresh()

    def watch(self, look: Callable[[State], State]) -> None:
        """Show, compare or pin other takes, which is no step. Raises InputError."""
        self.project.look(look)
        self.refresh()

    def submit(self, task: Task, what: str) -> Job:
        job = self.studio.queue.submit(task, self.project, what)
        self.look()
        return job

    # --- what there is

    @property
    def song(self) -> Media | None:
        return None if self.state.song is None else self.content.medium(self.state.song)

    @property
    def shown(self) -> Take | None:
        return None if self.state.shown is None else self.state.take(self.state.shown)

    @property
    def beside(self) -> Take | None:
        return None if self.state.beside is None else self.state.take(self.state.beside)

    def is_new(self, take: Take) -> bool:
        """Whether it came since the page was opened, and hasn't been on the stage."""
        return take.id not in self._watched

    def to_begin(self) -> str:
        """What to do where a take is needed and none is on the stage."""
        if self.state.takes:
            return "Choose a take on the right first."
        return "There is no take yet: make some under Dance, or bring a video under Video."

    def media(self, kind: str) -> list[Media]:
        return [media for media in self.content.media if media.kind == kind]

    def listened(self) -> dict[str, Any] | None:
        """What was heard in the project's song, None before it was listened to."""
        if self.state.song is None:
            return None
        if self._listened is None or self._listened[0] != self.state.song:
            found = self.project.listened(self.state.song)
            self._listened = None if found is None else (self.state.song, found)
        return self._listened and self._listened[1]

    def listening(self) -> bool:
        """Whether the project's song is listened to, or waits for it."""
        asked = (job for job in self.jobs if job.kind == "listen" and not job.over)
        return any(job.settings["media"] == self.state.song for job in asked)

    def making(self) -> bool:
        """Whether takes are being made, or wait for it."""
        return any(KINDS[job.kind] in MAKES_TAKES for job in self.jobs if not job.over)

    def counts(self) -> list[tuple[float, int]]:
        """Second and count of every beat, as they are corrected."""
        heard = self.listened()
        return [] if heard is None else counted(heard, self.state.tempo, self.state.first_count)

    def end_s(self) -> float:
        """Where the danced part of the song ends."""
        heard = self.listened()
        whole_s = 0.0 if heard is None else float(heard["seconds"])
        return whole_s if self.state.seconds is None else self.state.start_s + self.state.seconds

    def where(self, second: float) -> str:
        """A moment as a choreographer says it."""
        passed = [count for beat_s, count in self.counts() if beat_s <= second + 0.02]
        if not passed:
            return f"{second:.1f} s"
        return f"eight {passed.count(1)}, count {passed[-1]}"

    def in_take(self, span: Span, take: Take) -> str:
        """A span of the song as a span of a take, as `stylize.spans` reads it."""
        begins_s = take.start_s or 0.0
        start, stop = (min(max(second - begins_s, 0.0), take.seconds) for second in span)
        return f"{start:.3f}s:{stop:.3f}s"
