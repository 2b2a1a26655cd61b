"""Videos become what a model learns from where there is no 3D: looked at, taught roughly, placed before a camera."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from core_vimo.errors import InputError, MissingExtraError
from core_vimo.footage import SUFFIX, Footage
from core_vimo.formats.sources import matches
from core_vimo.video_to_motion.motion_set import StoredMotion, mirror
from core_vimo.video_to_motion.rays import Rays
from core_vimo.video_to_motion.teacher import SHORTEST_S, Teacher, mended, seen_stretches, taught
from stylize.motion_from_video import MotionSettings, look
from stylize.progress import Report
from stylize.style_clips.find import Item, find_items


def filmed_items(places: Sequence[Path]) -> list[Item]:
    """The videos and keypoints of videos at these places; InputError where there is none."""
    items = [item for item in find_items(places) if item.kind in ("video", "keypoints") and not item.same_as]
    if not items:
        raise InputError(f"no video and no keypoints at {', '.join(map(str, places))}; give videos or folders of them")
    return items


FAR_M, NOBODY_M = 0.12, 0.4
"""From keypoints to a teacher's joints, the median: from here on it is worth a look; from here on that is no body."""


@dataclass
class TaughtMotions:
    """What a teacher makes of videos; those of which nothing can be made are told in `refused`, how far keypoints lie
    beside the joints of the others in `apart_m` (medians, by name).

    hold_out, leave_out: names, as patterns, of what is for tests and of what isn't wanted, whole videos or stretches of
    them; all but what is for tests comes mirrored too.
    """

    teacher: Teacher
    estimator: str
    hold_out: tuple[str, ...]
    leave_out: tuple[str, ...]
    mirrored: bool
    report: Report
    refused: list[str] = field(default_factory=list, init=False)
    apart_m: dict[str, float] = field(default_factory=dict, init=False)

    def of(self, items: Sequence[Item]) -> Iterator[StoredMotion]:
        """Raises InputError where nothing can be made of any, MissingExtraError where an estimator isn't installed."""
        for number, item in enumerate(items):
            try:
                yield from self._of(item)
            except MissingExtraError:
                raise
            except InputError as error:
                self.refused.append(str(error))
            self.report("Teaching", number + 1, len(items))
        if not self.apart_m:
            others = f" (and the other {len(items) - 1} likewise)" if len(items) > 1 else ""
            why = f"{self.refused[0]}{others}" if self.refused else "all of it is left out"
            raise InputError(f"nothing can be learned: {why}")

    def _of(self, item: Item) -> Iterator[StoredMotion]:
        stretches = seen_stretches(self._seen(item))
        if not stretches:
            raise InputError(
                f"{item.label}: nobody is seen for {SHORTEST_S:g} s in it; give one in which one person is"
            )
        held_out = matches(item.name, self.hold_out)
        for number, stretch in enumerate(stretches):
            name = item.name if len(stretches) == 1 else f"{item.name}.{number + 1}"
            if matches(name, self.leave_out):
                continue
            try:
                lesson = self._lesson(item, name, stretch)
            except InputError as error:  # what was made of the others stays
                self.refused.append(str(error))
                continue
            stored = replace(lesson, split="test" if held_out else "train")
            yield stored
            if self.mirrored and not held_out:
                yield mirror(stored)

    def _lesson(self, item: Item, name: str, stretch: Footage) -> StoredMotion:
        made = taught(stretch, self.teacher)
        assert made.views is not None
        apart_m = Rays.of(made.motion, stretch, made.views.camera(0)).apart_m
        if apart_m > NOBODY_M:
            raise InputError(
                f"{item.label}: keypoints lie {100 * apart_m:.0f} cm beside any body; look at them: they may be "
                "several people's, or of another size of picture"
            )
        self.apart_m[name] = apart_m
        return replace(mended(made), name=name, source=item.label)

    def _seen(self, item: Item) -> Footage:
        """Of a video that our own keypoints lie beside, those: they may know more than other programs write."""
        sources = [item.source] if item.keypoints is None else [item.source, item.keypoints]
        if item.keypoints is not None and str(item.keypoints.member or item.keypoints.path).endswith(SUFFIX):
            sources = [item.keypoints]
        with ExitStack() as opened:
            video, *keypoints = [opened.enter_context(source.file()) for source in sources]
            settings = MotionSettings(estimator=self.estimator)
            return look(video, next(iter(keypoints), None), settings, partial(self._looking, item)).footage

    def _looking(self, item: Item, _what: str, done: int, total: int) -> None:
        self.report(f"Looking at {item.label}", done, total)
