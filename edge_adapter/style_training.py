"""Training a style: a few clips and a backbone become a branch, or, as the papers' baseline, another backbone.

Both ways share the recipe: the backbone's own loss, windows of its prior among the style's, running means of the
weights, and an end where the style distance to held-out windows no longer falls. What is shipped is the best by it.
"""

import hashlib
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import PartialState
from omegaconf import DictConfig
from torch import Tensor, cuda, nn

from core_vimo.bundle import Bundle
from core_vimo.clip_set import ClipSet
from core_vimo.diffusion.objective import DiffusionObjective, build_objective
from core_vimo.diffusion.supervision import SEEN_IN_2D, against_keypoints, settings_2d
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from core_vimo.publish import publish_file
from core_vimo.training.checkpoint import locked
from core_vimo.training.plan import Dataset
from core_vimo.training.run import BUNDLE, card, half, plain, same_run
from core_vimo.training.settings import TrainerSettings, checked_settings
from core_vimo.training.trainer import Trainer
from edge_adapter.beat_phase import WITH_BEATS
from edge_adapter.branch import Branch, BranchConfig, StyledBackbone
from edge_adapter.build import SHIPPED, DanceModel, load_dance_model
from edge_adapter.dance_data import DanceSet, DanceWindows
from edge_adapter.style import STRENGTH, Style, checked_name
from edge_adapter.style_data import MixedWindows, StyleWindows, write_own_dances
from edge_adapter.style_evaluation import HeldOut

TRAINING, PRIOR = "training", "prior"
"""Inside a style's folder: its checkpoints and log; inside that, the backbone's own dances."""
LESSONS = "lessons.sha256"
"""Inside the training's folder: the hash of the windows and the backbone it is of."""

METHODS = ("branch", "finetune")


@dataclass(frozen=True, eq=False)
class _Run:
    """A run's settings, and what they name: a backbone's bundle, clips, and the windows of both splits."""

    settings: dict[str, Any]
    branch: BranchConfig
    bundle: Path
    model: DanceModel
    clips: ClipSet
    train: StyleWindows
    test: StyleWindows
    trainer: TrainerSettings

    @property
    def out(self) -> Path:
        return Path(self.settings["out"])


def train_style(config: DictConfig) -> None:
    """Train to the end of the settings, resuming what is in `config.out`/training if it is of the same clips.

    Writes a `Style` to `config.out`, or with `method=finetune` a bundle to `config.out`/bundle.
    """
    run = _read(plain(config))
    finetune = run.settings["method"] == "finetune"
    network = run.model.backbone.requires_grad_(True) if finetune else _styled(run)
    objective = _objective(network, run)
    _forget_other_lessons(run)
    dataset = _with_prior(run)
    held_out = HeldOut(run.train, run.test, run.model, run.settings["evaluation"], run.settings["seed"])
    evaluate, told = held_out if run.test else None, same_run(run.settings, _lessons(run))
    trainer = Trainer(objective, dataset, run.trainer, run.out / TRAINING, evaluate=evaluate, told=told)
    if trainer.accelerator.is_main_process:
        clips = sum(clip.failed is None for clip in run.clips.clips)
        print(f"{len(run.train)} windows of {clips} clips, {len(run.test)} held out; run in {run.out}")
    trainer.fit()
    if trainer.accelerator.is_main_process:
        state, steps = trainer.best_ema_state_dict()
        score = trainer.best_score
        (_save_bundle if finetune else _save_style)(run, state, steps, _told_of(run, held_out, score))
    # Processes that leave a gloo group standing may abort on exit.
    trainer.accelerator.end_training()


def _read(settings: dict[str, Any]) -> _Run:
    checked_name(settings["name"])
    if settings["method"] not in METHODS:
        raise InputError(f"method={settings['method']!s:.20} is not known; take {' or '.join(METHODS)}")
    _check_numbers(settings)
    branch = checked_settings(BranchConfig, settings["branch"], "branch")
    trainer = checked_settings(TrainerSettings, settings["trainer"], "trainer", seed=settings["seed"])
    bundle = Path(settings["backbone"] or SHIPPED)
    model, clips = load_dance_model(bundle), ClipSet(settings["clips"])
    in_2d = settings_2d(settings["supervision"])
    # What noise hides is guessed as a mean, and the mean of many pictures is a picture of no pose: learned from those,
    # dances freeze (docs/experiments.md). In 3D the mean of many poses is what sampling asks for.
    settings["weighting"] = settings["weighting"] or ("min_cap" if in_2d else "constant")
    if in_2d and settings["prior"]["share"]:
        raise InputError("prior.share must be 0 with supervision=2d: no camera saw the prior's dances")
    heard = (model.codec, model.extractor, settings["seed"])
    train, test = (StyleWindows(clips, split, *heard, in_2d) for split in ("train", "test"))
    if settings["evaluation"]["steps"] > model.schedule.steps:
        raise InputError(f"evaluation.steps={settings['evaluation']['steps']}: the model has {model.schedule.steps}")
    if not train:
        raise InputError(f"{clips.folder}: keeps no window to learn from; look at its page.html, or add clips")
    if not test:
        print("no window is held out, so nothing tells when to stop early; the run goes on to its end")
        trainer = replace(trainer, evaluate_every=0)
    return _Run(settings, branch, bundle, model, clips, train, test, trainer)


def _check_numbers(settings: dict[str, Any]) -> None:
    prior, evaluation = settings["prior"], settings["evaluation"]
    shares = {"condition_drop": settings["condition_drop"], "prior.share": prior["share"]}
    for name, share in shares.items():
        if not (isinstance(share, int | float) and 0 <= share < 1):
            raise InputError(f"{name}={share!s:.20} must be at least 0 and below 1")
    counts = {"prior.songs": prior["songs"]} | {f"evaluation.{name}": evaluation[name] for name in ("windows", "steps")}
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise InputError(f"{name}={count!s:.20} must be a whole number, 1 or more")
    for name, number, least in (("prior.seconds", prior["seconds"], 1), ("evaluation.weight", evaluation["weight"], 0)):
        if not (isinstance(number, int | float) and least <= number < math.inf):
            raise InputError(f"{name}={number!s:.20} must be a number, {least} or more")


def _forget_other_lessons(run: _Run) -> None:
    """Where clips came or went, or were judged anew, what was begun with the others isn't gone on with."""
    training, lessons = run.out / TRAINING, _lessons(run)
    with _processes(run).main_process_first():
        noted = (training / LESSONS).read_text() if (training / LESSONS).exists() else None
        if noted == lessons:
            return
        if noted is not None:
            print(f"clips or backbone are others than those that {training} began with; the training begins anew")
            with locked(training):
                shutil.rmtree(training)
        with publish_file(training / LESSONS) as aside:
            aside.write_text(lessons)


def _lessons(run: _Run) -> str:
    digest = hashlib.sha256(run.model.bundle_hash.encode())
    for clip in run.clips.clips:
        digest.update(clip.sha256.encode())
    for part in (run.train, run.test):
        for name in ("item", "take", "start"):  # each alone: of several fields at once, numpy keeps bytes never written
            digest.update(run.clips.windows[name][part.kept].tobytes())
    return digest.hexdigest()


def _styled(run: _Run) -> StyledBackbone:
    return StyledBackbone(run.model.backbone, [Branch(run.model.backbone, run.branch)])


def _objective(network: nn.Module, run: _Run) -> DiffusionObjective:
    """The backbone's diffusion as its bundle says it was trained, so that completing works in the style too."""
    told = Bundle.load(run.bundle).config
    as_trained = {name: told.get(name, 0.0) for name in ("ptss", "clean")}
    return build_objective(
        network,
        run.model.codec,
        run.model.schedule,
        diffusion={"weighting": run.settings["weighting"], **as_trained},
        lambdas=run.settings["loss"],
        condition_drop=run.settings["condition_drop"],
        seed=run.settings["seed"],
        run_steps=run.trainer.steps,
        compare=against_keypoints(run.model.codec, run.train.in_2d) if run.train.in_2d else None,
    )


def _processes(run: _Run) -> PartialState:
    return PartialState(cpu=run.trainer.device == "cpu" or not cuda.is_available())


def _with_prior(run: _Run) -> Dataset:
    prior, seed = run.settings["prior"], run.settings["seed"]
    if not prior["share"]:
        return run.train
    own = f"{PRIOR}-{prior['songs']}x{prior['seconds']:g}s-{seed}"  # with other settings it is another one
    folder = Path(prior["folder"] or run.out / TRAINING / own)
    with _processes(run).main_process_first():
        if not prior["folder"] and not folder.exists():
            print(f"the backbone dances to {prior['songs']} songs, to be reminded of what it knows")
            write_own_dances(run.model, prior["songs"], prior["seconds"], seed, folder)
    dances = DanceSet(folder, beat_phase=run.model.extractor.endswith(WITH_BEATS))
    if dances.extractor != run.model.extractor:
        raise InputError(
            f"{folder}: its music was heard by '{dances.extractor}', the backbone knows '{run.model.extractor}'; "
            "take another prior.folder, or none"
        )
    frames = run.clips.window_frames
    windows = DanceWindows(dances, run.model.codec, frames, max(frames // 10, 1), seed)
    if not len(windows):
        raise InputError(f"{folder}: holds no dance of {frames / FPS:g} s; give longer ones, or prior.share=0")
    return MixedWindows(run.train, windows, prior["share"], seed)


# What is written


def _save_style(run: _Run, state: dict[str, Tensor], steps: int, told: list[str]) -> None:
    prefix = "model.branches.0."
    weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    facts = {
        "strength": STRENGTH,
        "clips": [_clip(clip) for clip in run.clips.clips if clip.failed is None],
        "source": run.settings["data"]["source"],
        "licence": run.settings["data"]["licence"],
        "trained": {"steps": steps, "seed": run.settings["seed"]},
    }
    told = [f"Branch: {run.branch.layers} layers, {run.branch.fusion}; backbone {run.model.bundle_hash[:12]}.", *told]
    settings = _public(run.settings)
    settings["data"] = settings["data"] | {"card": settings["data"]["card"] or _clips_told(settings["data"])}
    text = card(f"Style {run.settings['name']}", told, settings, steps)
    Style(run.settings["name"], half(weights), run.branch, run.model.bundle_hash, facts, text).save(run.out)
    print(f"style: {run.out}")


def _clips_told(data: dict[str, Any]) -> str:
    told = {"Clips from": data["source"], "Licence of the clips": data["licence"]}
    return " ".join(f"{what}: {words}." for what, words in told.items() if words)


def _clip(clip: Any) -> dict[str, Any]:
    told = {name: value for name, value in asdict(clip).items() if name in ("name", "sound", "sha256")}
    return told | {"seconds": round(clip.frames / FPS, 2)}


def _save_bundle(run: _Run, state: dict[str, Tensor], steps: int, told: list[str]) -> None:
    bundle = Bundle.load(run.bundle)
    weights = {name.removeprefix("model."): value for name, value in state.items()}
    trained = {"steps": steps, "seed": run.settings["seed"], "from": run.model.bundle_hash}
    text = card(f"Backbone fine-tuned to {run.settings['name']}", told, _public(run.settings), steps)
    Bundle(half(weights), bundle.config | {"trained": trained}, bundle.codec, text).save(run.out / BUNDLE)
    print(f"bundle: {run.out / BUNDLE}")


def _public(settings: dict[str, Any]) -> dict[str, Any]:
    """Without the folders of whoever trained: where things lay is nobody's business."""
    prior = {name: value for name, value in settings["prior"].items() if name != "folder"}
    return {name: value for name, value in settings.items() if name not in ("clips", "backbone")} | {"prior": prior}


def _told_of(run: _Run, held_out: HeldOut, score: float | None) -> list[str]:
    clips = ", ".join(clip.name for clip in run.clips.clips if clip.failed is None)
    told = [f"Clips: {clips}; {len(run.train)} windows learnt from, {len(run.test)} held out."]
    if run.train.in_2d is not None:
        told.append(SEEN_IN_2D)
    if score is not None:
        base = held_out.distance(load_dance_model(run.bundle).backbone)
        told.append(f"Style distance to the held-out windows: {score:.3f}; of the backbone alone: {base:.3f}.")
    return told
