"""Bundle: a trained model as a folder that nothing needs to be unpickled for.

```
model.safetensors   weights (may be float16; they are used in float32)
config.yaml         what the model is: kind, architecture, schedule, codec, guidance
codec.safetensors   the codec's normalisation
card.md             data, licence of the data, figures, how it was made
manifest.json       sha256 of the others
```
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.errors import InputError
from core_vimo.publish import MANIFEST, publish_folder, verify_manifest, write_manifest
from core_vimo.reading import read_bytes, read_yaml

Network = TypeVar("Network", bound=nn.Module)

FORMAT = 1
FILES = ("model.safetensors", "codec.safetensors", "config.yaml", "card.md")


@dataclass(frozen=True, eq=False)
class Bundle:
    """weights by name, config (plain values, without the codec), the codec, and the card's Markdown."""

    weights: dict[str, Tensor]
    config: dict[str, Any]
    codec: MotionCodec
    card: str

    def save(self, folder: Path | str) -> None:
        """Write the folder in one stroke, replacing an older one."""
        config = {"format": FORMAT, **self.config, "codec": self.codec.settings()}
        with publish_folder(folder, (*FILES, MANIFEST)) as aside:
            save_file({k: v.contiguous() for k, v in self.weights.items()}, aside / "model.safetensors")
            save_file(self.codec.tensors(), aside / "codec.safetensors")
            (aside / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
            (aside / "card.md").write_text(self.card, encoding="utf-8")
            write_manifest(aside)

    @classmethod
    def load(cls, folder: Path | str) -> "Bundle":
        """Read and check a bundle. Raises InputError where a file is missing, altered or not understood."""
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such bundle; give the folder that holds model.safetensors")
        verify_manifest(folder, FILES)
        config = read_yaml(folder / "config.yaml")
        if not isinstance(config, dict) or config.pop("format", None) != FORMAT:
            raise InputError(
                f"{folder}: its config.yaml is not of format {FORMAT}; take a bundle made for this version"
            )
        weights = read_tensors(folder / "model.safetensors")
        codec = _codec(folder, config.pop("codec", None), read_tensors(folder / "codec.safetensors"))
        card = read_bytes(folder / "card.md").decode(errors="replace")
        return cls(weights, config, codec, card)

    @property
    def per_frame_timesteps(self) -> bool:
        """Whether its model was trained with per-frame timesteps (`diffusion.ptss` or `.clean` above 0); older ones
        don't say."""
        return any(_ever(self.config.get(name, 0.0)) for name in ("ptss", "clean"))


def _ever(course: Any) -> bool:
    """Whether a setting, a number or knots [fraction of the run, number], is above 0 at any time."""
    knots = [(0.0, course)] if isinstance(course, int | float) else course
    return any(value > 0 for _, value in knots)


def bundle_hash(folder: Path | str) -> str:
    """One sha256 for the whole bundle: that of its manifest."""
    return hashlib.sha256((Path(folder) / MANIFEST).read_bytes()).hexdigest()


def load_network(folder: Path | str, kind: str, build: Callable[[dict[str, Any]], Network]) -> tuple[Bundle, Network]:
    """A bundle of this kind and the network that `build(config)` makes, with its weights, ready to be used.

    Raises InputError where the bundle is damaged, of another kind, or has tensors that don't fit its config.
    """
    bundle = Bundle.load(folder)
    if bundle.config.get("kind") != kind:
        raise InputError(f"{folder}: holds a '{bundle.config.get('kind')!s:.20}' model, a '{kind}' model is needed")
    try:
        with torch.device("meta"):  # before memory is taken for what config.yaml claims
            check_fit(build(bundle.config), bundle.weights)
        network = build(bundle.config)
        network.load_state_dict(bundle.weights)
    except (InputError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: its config.yaml is not that of a '{kind}' model ({error}); take a fresh copy"
        ) from error
    return bundle, network.eval().requires_grad_(False)


def check_fit(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Raise InputError unless the weights are the network's by name and shape."""
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    given = {name: value.shape for name, value in weights.items()}
    other = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if other:
        raise InputError(f"{len(other)} of its tensors don't fit, the first is '{other[0]:.60}'")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file in float32. Raises InputError for damaged files and for NaN and infinity."""
    try:
        tensors = {name: value.float() for name, value in load_file(path).items()}
    except (OSError, RuntimeError, TypeError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: damaged, its tensors can't be read; take a fresh copy of its folder") from error
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise InputError(f"{path}: '{name}' holds NaN or infinity; take a fresh copy of its folder")
    return tensors


def _codec(folder: Path, settings: Any, tensors: dict[str, Tensor]) -> MotionCodec:
    shapes = {name: list(value.shape) for name, value in tensors.items()}
    if shapes != {"scale": [CHANNELS], "offset": [CHANNELS]} or not (tensors["scale"] > 0).all():
        raise InputError(f"{folder}: its codec is not {CHANNELS} scales and offsets; take a fresh copy of the bundle")
    try:
        return MotionCodec(tensors["scale"], tensors["offset"], **settings)
    except (TypeError, InputError) as error:
        raise InputError(f"{folder}: the codec in its config.yaml is not known ({error}); take a fresh copy") from error
