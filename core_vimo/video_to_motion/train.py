"""Training what makes motions of videos, ViMo or the lifter: a data set and settings become a bundle."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from core_vimo.bundle import Bundle
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.objective import build_objective
from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.diffusion.supervision import SEEN_IN_2D, against_keypoints, settings_2d
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE
from core_vimo.losses_2d import Settings2D
from core_vimo.motion import FPS
from core_vimo.motion_store import data_hash
from core_vimo.training.course import build_lambdas
from core_vimo.training.run import card, fresh, plain, same_run, train_to_bundle
from core_vimo.training.settings import TrainerSettings, checked_settings
from core_vimo.video_to_motion.build import KIND, LIFTER, SHIPPED, VideoMotionModel, load_vimo
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig, LifterObjective
from core_vimo.video_to_motion.motion_set import MotionSet
from core_vimo.video_to_motion.network import ViMo, ViMoConfig


def train_vimo(config: DictConfig) -> None:
    """Train to the end of the settings, resuming what is in `config.out`, and write the bundle there."""
    settings = plain(config)
    trainer = checked_settings(TrainerSettings, settings["trainer"], "trainer", seed=settings["seed"])
    size = checked_settings(ViMoConfig, settings["model"], "model")
    schedule = build_schedule(settings["diffusion"]["schedule"], settings["diffusion"]["steps"])
    in_2d = settings_2d(settings["supervision"])
    begun = _begun(settings["init"], size, schedule)
    data = _Data.of(settings, in_2d, None if begun is None else begun.codec)
    objective = build_objective(
        fresh(lambda: ViMo(size), settings["seed"]) if begun is None else begun.network,
        data.codec,
        schedule,
        diffusion=settings["diffusion"],
        lambdas=settings["loss"],
        condition_drop=settings["condition_drop"],
        seed=settings["seed"],
        run_steps=trainer.steps,
        compare=against_keypoints(data.codec, in_2d) if in_2d else None,
    )
    noise = {
        "diffusion": {"name": schedule.name, "steps": schedule.steps},
        "ptss": settings["diffusion"]["ptss"],
        "clean": settings["diffusion"]["clean"],
    }

    # Whose folder it lies in is nobody's business.
    told = settings | {"init": None if begun is None else begun.bundle_hash}

    def bundle(weights: dict[str, Tensor], steps: int) -> Bundle:
        return data.bundle("Video-to-motion model (ViMo)", {"kind": KIND} | noise, told, weights, steps)

    train_to_bundle(objective, data.windows, trainer, Path(settings["out"]), bundle, same_run(told, data.hash))


def _begun(init: str | None, size: ViMoConfig, schedule: Schedule) -> VideoMotionModel | None:
    """The model that training goes on from, with its codec: `shipped`, a bundle's folder, or None for none.

    Raises InputError where its size or its noise is another than the settings'.
    """
    if init is None:
        return None
    model = load_vimo(SHIPPED if init == "shipped" else init)
    own, asked = asdict(model.network.config), asdict(size)
    others = [f"model.{name}={own[name]}" for name in own if own[name] != asked[name] and name not in _NOT_SHAPES]
    own_noise = {"schedule": model.schedule.name, "steps": model.schedule.steps}
    asked_noise = {"schedule": schedule.name, "steps": schedule.steps}
    others += [f"diffusion.{name}={own_noise[name]}" for name in own_noise if own_noise[name] != asked_noise[name]]
    if others:
        raise InputError(f"init={init}: that model has {', '.join(others)}; give the same")
    model.network.train().requires_grad_(True)
    return model


_NOT_SHAPES = ("dropout", "trained_frames")
"""What may be other than in the model that training goes on from."""


def train_lifter(config: DictConfig) -> None:
    """The same for the plain lifter, which has no noise and is never without its evidence."""
    settings = plain(config)
    trainer = checked_settings(TrainerSettings, settings["trainer"], "trainer", seed=settings["seed"])
    size = checked_settings(LifterConfig, settings["model"], "model")
    data = _Data.of(settings)
    network = fresh(lambda: Lifter(size), settings["seed"])
    objective = LifterObjective(network, data.codec, build_lambdas(settings["loss"], trainer.steps))

    def bundle(weights: dict[str, Tensor], steps: int) -> Bundle:
        return data.bundle("Video-to-motion lifter (the baseline)", {"kind": LIFTER}, settings, weights, steps)

    train_to_bundle(objective, data.windows, trainer, Path(settings["out"]), bundle, same_run(settings, data.hash))


@dataclass(frozen=True, eq=False)
class _Data:
    """The motions of a run, how they are normalised, and the windows of them that were filmed."""

    motions: MotionSet
    codec: MotionCodec
    windows: FilmedWindows

    @classmethod
    def of(cls, settings: dict[str, Any], in_2d: Settings2D | None = None, codec: MotionCodec | None = None) -> "_Data":
        of_windows = {k: v for k, v in settings["data"].items() if k not in ("folder", "split", "card")}
        motions = MotionSet(settings["data"]["folder"], settings["data"]["split"])
        # Any heading: which way a motion faces is the first camera's to say.
        codec = codec or MotionCodec.fit(motions.motions(), any_heading=True)
        windows = FilmedWindows(motions, codec, seed=settings["seed"], in_2d=in_2d, **of_windows)
        minutes = motions.seconds / 60
        print(f"{len(motions)} motions, {minutes:.1f} min, {len(windows)} windows an epoch; run in {settings['out']}")
        data = cls(motions, codec, windows)
        for fact in (*data.too_short(), *data.supervision()):
            print(fact)
        return data

    @cached_property
    def hash(self) -> str:
        return data_hash(self.motions.folder)

    def bundle(
        self, title: str, config: dict[str, Any], settings: dict[str, Any], weights: dict[str, Tensor], steps: int
    ) -> Bundle:
        made = {
            "model": settings["model"],
            "evidence": EVIDENCE,
            "trained": {"steps": steps, "seed": settings["seed"], "data": self.hash},
        }
        sources = sorted({row["source"] for row in self._long_enough()})
        seconds = sum(row["frames"] for row in self._long_enough()) / FPS
        facts = [
            f"Data: {len(sources)} sources ({seconds / 60:.1f} min with their variants): {', '.join(sources)}.",
            "Sees COCO-17 keypoints of any number of views at 30 fps. Motion: 30 fps, SMPL-24, metres.",
            *self.supervision(),
        ]
        return Bundle(weights, config | made, self.codec, card(title, facts, settings, steps))

    def _long_enough(self) -> list[dict[str, Any]]:
        return [row for row in self.motions.rows if row["frames"] >= self.windows.frames]

    def too_short(self) -> list[str]:
        """What is not learned from, if anything."""
        short = [row["name"] for row in self.motions.rows if row["frames"] < self.windows.frames]
        if not short:
            return []
        told = ", ".join(short[:3]) + (" and others" if len(short) > 3 else "")
        seconds = self.windows.frames / FPS
        return [f"{len(short)} of {len(self.motions)} motions are shorter than {seconds:g} s and left out: {told}"]

    def supervision(self) -> list[str]:
        """What training took for true, as facts for the card; none where the motions are true."""
        teacher = self.motions.teacher
        if self.windows.in_2d is None:
            return [f"The motions are but guesses of {teacher}, learned as if they were true."] if teacher else []
        facts = [SEEN_IN_2D]
        if teacher:
            facts += [f"The teacher is {teacher}."]
        unseen = sum(self.motions.read(number, 0, 1).views is None for number in range(len(self.motions)))
        if unseen:
            facts += [f"{unseen} of {len(self.motions)} motions came without views: virtual cameras filmed them."]
        return facts
