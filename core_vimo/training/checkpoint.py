"""Checkpoints that survive anything: folders of safetensors and JSON, published whole, checked when read.

    out/checkpoints/step-00001000/  weights.safetensors ema.safetensors optimizer.safetensors state.json manifest.json

A folder appears by a rename after every file in it is on disk; older ones are pruned after that. When read, the newest
whose hashes agree is taken, since neither safetensors nor torch.save notices a flipped bit.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from core_vimo.errors import InputError
from core_vimo.publish import MANIFEST, publish_folder, verify_manifest, write_manifest

_NAME = re.compile(r"step-(\d+)")
_TENSORS = ("weights", "ema", "optimizer")
_ENTRIES = (*(f"{name}.safetensors" for name in _TENSORS), "state.json", MANIFEST)


@dataclass
class Checkpoint:
    """A run after `step` optimiser steps: tensors by parameter name, and everything else as JSON."""

    step: int
    weights: dict[str, Tensor] = field(repr=False)
    ema: dict[str, Tensor] = field(repr=False)
    optimizer: dict[str, Tensor] = field(repr=False)
    state: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run, in `folder`: the newest `keep` and the one with the lowest `score`."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, checkpoint: Checkpoint, score: float | None = None) -> Path:
        """Publish a checkpoint, then prune; InputError where the disk refuses, with older checkpoints intact."""
        path = self.folder / f"step-{checkpoint.step:08d}"
        state = {"format": 1, "step": checkpoint.step, "score": score, **checkpoint.state}
        try:
            with publish_folder(path, _ENTRIES) as aside:
                for name in _TENSORS:
                    save_file(_on_disk(getattr(checkpoint, name)), aside / f"{name}.safetensors")
                (aside / "state.json").write_text(json.dumps(state, indent=1) + "\n")
                write_manifest(aside)
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: cannot be written ({error}); make room, then resume") from error
        self._prune()
        return path

    def newest_valid(self) -> Path | None:
        """The newest checkpoint whose files have the manifest's hashes; each one passed over is warned about."""
        for path in reversed(self.paths()):
            try:
                verify_manifest(path)
                _read_state(path)
                return path
            except InputError as error:
                warnings.warn(f"{error} (falling back to the checkpoint before {path.name})", stacklevel=2)
        return None

    def best(self) -> Path | None:
        """The checkpoint with the lowest score, None where none was scored."""
        scored = [(score, path) for path in self.paths() if (score := _score(path)) is not None]
        return min(scored)[1] if scored else None

    def paths(self) -> list[Path]:
        """All published checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted((p for p in self.folder.iterdir() if _NAME.fullmatch(p.name)), key=_step_of)

    def sweep(self) -> None:
        """Remove what a killed save left behind; only for the holder of the lock."""
        for leftover in self.folder.glob(".step-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _prune(self) -> None:
        paths, best = self.paths(), self.best()
        for path in paths[: -self.keep]:
            if path != best:
                shutil.rmtree(path, ignore_errors=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint folder (already verified) into CPU tensors."""
    tensors = {name: load_file(path / f"{name}.safetensors") for name in _TENSORS}
    return Checkpoint(step=_step_of(path), state=_read_state(path), **tensors)


def _on_disk(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _step_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise InputError(f"{path}: is not a checkpoint folder; they are called step-00001000 and so on")
    return int(found[1])


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads((path / "state.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path / 'state.json'}: cannot be read as JSON; take another checkpoint") from error
    if not isinstance(state, dict) or state.get("format") != 1:
        raise InputError(
            f"{path / 'state.json'}: is of another format than this version's; use the version that wrote it"
        )
    return state


def _score(path: Path) -> float | None:
    try:
        return _read_state(path).get("score")
    except InputError:
        return None


# Module and optimiser as tensors by name


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """What training changes: trainable parameters and saved buffers (tied ones once)."""
    saved = module.state_dict(keep_vars=True).keys()
    tensors: dict[str, Tensor] = {n: p for n, p in module.named_parameters() if p.requires_grad}
    tensors.update((n, b) for n, b in module.named_buffers() if n in saved)
    return tensors


def frozen_hash(module: nn.Module) -> str | None:
    """Hex sha256 of the parameters that training leaves alone, which checkpoints don't repeat; None without any."""
    frozen = [(name, p) for name, p in module.named_parameters() if not p.requires_grad]
    digest = hashlib.sha256()
    for name, param in frozen:
        digest.update(name.encode())
        digest.update(param.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest() if frozen else None


def optimizer_tensors(optimizer: Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state as `parameter name/state name`."""
    return {
        f"{name}/{key}": value
        for name, param in module.named_parameters()
        for key, value in optimizer.state.get(param, {}).items()
    }


@torch.no_grad()
def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy saved tensors into the module; InputError where it is another architecture."""
    own = module_tensors(module)
    different = sorted(
        name for name in own.keys() | tensors.keys() if _shape(own.get(name)) != _shape(tensors.get(name))
    )
    if different:
        raise InputError(
            f"{path}: was saved from another model ({len(different)} tensors differ, the first is {different[0]}); "
            "train it with the configuration it was started with, or choose a new output folder"
        )
    for name, tensor in own.items():
        tensor.copy_(tensors[name])


def restore_optimizer(optimizer: Optimizer, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Undo `optimizer_tensors`; step counters stay on the CPU, where torch's optimisers and Adan keep them."""
    params = dict(module.named_parameters())
    for key, value in tensors.items():
        name, _, slot = key.rpartition("/")
        param = params[name]
        optimizer.state[param][slot] = value.clone() if slot == "step" else value.to(param.device, copy=True)


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape


# One trainer a folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder/trainer.lock`; InputError while another living trainer holds it, a dead one's is taken over."""
    lock = folder / "trainer.lock"
    own = json.dumps(_identity())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while not _claim(lock, own):
            _clear_if_stale(lock)
    except OSError as error:
        raise InputError(f"{lock}: cannot be written ({error.strerror}); choose another output folder") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _claim(lock: Path, own: str) -> bool:
    """Link a finished file to the lock's name: atomic, and the lock is never seen empty."""
    aside = lock.with_name(f".{lock.name}-{os.getpid()}")
    aside.write_text(own)
    try:
        os.link(aside, lock)
        return True
    except FileExistsError:
        return False
    finally:
        aside.unlink()


def _clear_if_stale(lock: Path) -> None:
    try:
        holder = json.loads(lock.read_text())
        host, pid, created = holder["host"], int(holder["pid"]), float(holder["created"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{lock}: is not a lock of this program; remove it if nothing trains here") from error
    if host != socket.gethostname() or _alive(pid, created):
        raise InputError(
            f"{lock.parent}: process {pid} on {host} is already training here; wait for it, choose another output "
            f"folder, or remove {lock.name} if that machine is gone"
        )
    lock.unlink(missing_ok=True)


def _identity() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "created": psutil.Process().create_time()}


def _alive(pid: int, created: float) -> bool:
    """The same process, not a later one that got its number."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
