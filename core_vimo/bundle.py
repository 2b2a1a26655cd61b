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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.errors import InputError
from core_vimo.publish import MANIFEST, publish_folder, verify_manifest, write_manifest

FORMAT = 1


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
        with publish_folder(folder) as aside:
            save_file({k: v.contiguous() for k, v in self.weights.items()}, aside / "model.safetensors")
            save_file(self.codec.tensors(), aside / "codec.safetensors")
            (aside / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
            (aside / "card.md").write_text(self.card)
            write_manifest(aside)

    @classmethod
    def load(cls, folder: Path | str) -> "Bundle":
        """Read and check a bundle. Raises InputError where a file is missing, altered or not understood."""
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such bundle; give the folder that holds model.safetensors")
        verify_manifest(folder)
        try:
            config = yaml.safe_load((folder / "config.yaml").read_text())
            weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
            normalisation = load_file(folder / "codec.safetensors")
            if config.pop("format") != FORMAT:
                raise InputError(f"{folder}: made by another version of the suite (format is not {FORMAT})")
            codec = _codec(config.pop("codec"), normalisation)
            card = (folder / "card.md").read_text()
        except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError, safetensors.SafetensorError) as error:
            raise InputError(f"{folder}: not a readable bundle ({error}); take a fresh copy") from error
        return cls(weights, config, codec, card)


def bundle_hash(folder: Path | str) -> str:
    """One sha256 for the whole bundle: that of its manifest."""
    return hashlib.sha256((Path(folder) / MANIFEST).read_bytes()).hexdigest()


def _codec(settings: dict[str, Any], tensors: dict[str, Tensor]) -> MotionCodec:
    for name in ("scale", "offset"):
        if tensors[name].shape != (CHANNELS,):
            raise InputError(f"the codec's {name} has shape {list(tensors[name].shape)} instead of [{CHANNELS}]")
    return MotionCodec(tensors["scale"], tensors["offset"], settings["sixd"], settings["root"], settings["fps"])
