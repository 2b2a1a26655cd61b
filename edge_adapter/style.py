"""Style: a trained branch as a small folder that anyone can share, and that nothing needs to be run for.

```
branch.safetensors  the branch's weights alone (may be float16; they are used in float32)
style.yaml          which backbone it belongs to, its size, its clips, their source and licence, its strengths
card.md             the same for people, and how it was trained
manifest.json       sha256 of the others
```
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save_file
from torch import Tensor

from core_vimo.bundle import check_fit, read_tensors
from core_vimo.errors import InputError
from core_vimo.publish import publish_into, verify_manifest, write_manifest
from core_vimo.reading import read_bytes, read_yaml
from edge_adapter.branch import Branch, BranchConfig
from edge_adapter.build import DanceModel

FORMAT = 1
STYLE_FILES = ("branch.safetensors", "style.yaml", "card.md")
STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
STRENGTH = {"usual": 1.0, "most": 1.5}
"""What a branch is trained at, and how far beyond it the dial may be turned."""

_FACTS = {"strength": dict, "clips": list, "source": str, "licence": str, "trained": dict}
_CLIP = {"name": str, "seconds": float, "sound": str, "sha256": str}
_TRAINED = {"steps": int, "seed": int}


@dataclass(frozen=True, eq=False)
class Style:
    """weights by name, the branch's size, the sha256 of the bundle it was made for, and the card's Markdown.

    facts: strength {usual, most}, clips [{name, seconds, sound, sha256}], source, licence, trained {steps, seed}.
    """

    name: str
    weights: dict[str, Tensor]
    branch: BranchConfig
    backbone_sha256: str
    facts: dict[str, Any]
    card: str

    def save(self, folder: Path | str) -> None:
        """Write the style's files into the folder, each whole; what else lies there stays."""
        told = {
            "format": FORMAT, "name": self.name, "backbone": self.backbone_sha256,
            "branch": asdict(self.branch), **self.facts,
        }  # fmt: skip
        with publish_into(folder) as aside:
            save_file({name: value.contiguous() for name, value in self.weights.items()}, aside / STYLE_FILES[0])
            (aside / STYLE_FILES[1]).write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), "utf-8")
            (aside / STYLE_FILES[2]).write_text(self.card, encoding="utf-8")
            write_manifest(aside)

    @classmethod
    def load(cls, folder: Path | str) -> "Style":
        """Read and check a style. Raises InputError where a file is missing, altered or not understood."""
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such style; give the folder that holds {STYLE_FILES[0]}")
        verify_manifest(folder, STYLE_FILES)
        path = folder / STYLE_FILES[1]
        told = read_yaml(path)
        if not isinstance(told, dict) or told.pop("format", None) != FORMAT:
            raise InputError(f"{path}: is not of format {FORMAT}; take a style made for this version")
        try:
            name, backbone, branch = _name(told.pop("name")), _sha256(told.pop("backbone")), told.pop("branch")
            config = BranchConfig(**branch)
            _check_facts(told)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is not that of a style ({error}); take a fresh copy") from error
        card = read_bytes(folder / STYLE_FILES[2]).decode(errors="replace")
        return cls(name, read_tensors(folder / STYLE_FILES[0]), config, backbone, told, card)


def build_branch(style: Style, dance_model: DanceModel) -> Branch:
    """The style's branch beside this model's backbone, ready to be used, on its device.

    Raises InputError where the style was made for another backbone, or its tensors don't fit.
    """
    if style.backbone_sha256 != dance_model.bundle_hash:
        raise InputError(
            f"style {style.name}: was made for another backbone (bundle {style.backbone_sha256[:12]}, this is "
            f"{dance_model.bundle_hash[:12]}); take that bundle, or train the style again with `vimo style train`"
        )
    try:
        branch = Branch(dance_model.backbone, style.branch)  # no larger than the backbone, whatever the file claims
        check_fit(branch, style.weights)
    except InputError as error:
        raise InputError(f"style {style.name}: doesn't fit its backbone ({error}); take a fresh copy") from error
    branch.load_state_dict(style.weights)
    return branch.eval().requires_grad_(False)


def checked_name(name: str) -> str:
    """A style's name, which is also its folder's. Raises InputError for what could be anything else."""
    try:
        return _name(name)
    except ValueError as error:
        raise InputError(
            f"{name!r:.60}: {error}; take up to 40 of a-z, 0-9, - and _, beginning with a letter or digit"
        ) from error


def _name(value: Any) -> str:
    if not isinstance(value, str) or not STYLE_NAME.fullmatch(value):
        raise ValueError("not a style's name")
    return value


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError("a sha256 is not one")
    return value


def _check_facts(facts: Mapping[str, Any]) -> None:
    _check_kinds(facts, _FACTS, "style.yaml")
    for clip in facts["clips"]:
        _check_kinds(clip, _CLIP, "a clip")
        _sha256(clip["sha256"])
    _check_kinds(facts["trained"], _TRAINED, "trained")
    _check_kinds(facts["strength"], dict.fromkeys(STRENGTH, float), "strength")
    usual, most = facts["strength"]["usual"], facts["strength"]["most"]
    if not 0 < usual <= most <= 10:
        raise ValueError("strength is not 0 < usual <= most <= 10")


def _check_kinds(values: Any, kinds: Mapping[str, type], what: str) -> None:
    if not isinstance(values, dict) or values.keys() != kinds.keys():
        raise ValueError(f"{what} doesn't have exactly {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = values[name]
        finite = type(value) in (int, float) and math.isfinite(value)
        if not (finite if kind is float else type(value) is kind):
            raise ValueError(f"{name} of {what} is not of its kind")
