"""EDGE's official checkpoint: a backbone and its codec, read without running what is pickled in it.

The file is `torch.save` of `{ema_state_dict, model_state_dict, optimizer_state_dict, normalizer}`. EDGE samples from
the EMA weights, so those are taken. It says neither the number of heads nor the activation (GELU).
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core_vimo.bundle import Bundle
from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.build import EXTRACTORS, KIND
from edge_adapter.torch_archive import read_torch_archive

HEADS_OF_LATENT = {512: 8}
"""Heads of the published shape, by latent width."""

RENAMES = (
    (r"input_projection", "motion_in"),
    (r"cond_projection", "music_in"),
    (r"cond_encoder\.(\d+)\.self_attn", r"music_layers.\1.attention"),
    (r"cond_encoder\.(\d+)\.norm1", r"music_layers.\1.attention_norm"),
    (r"cond_encoder\.(\d+)\.norm2", r"music_layers.\1.feed_forward_norm"),
    (r"cond_encoder\.(\d+)\.linear1", r"music_layers.\1.feed_forward.0"),
    (r"cond_encoder\.(\d+)\.linear2", r"music_layers.\1.feed_forward.3"),
    (r"non_attn_cond_projection", "music_pool"),
    (r"null_cond_embed", "null_tokens"),
    (r"null_cond_hidden", "null_pooled"),
    (r"time_mlp\.1", "time_in.0"),
    (r"to_time_cond\.0", "time_film"),
    (r"to_time_tokens\.0", "time_tokens"),
    (r"norm_cond", "memory_norm"),
    (r"seqTransDecoder\.stack\.(\d+)\.self_attn", r"layers.\1.self_attention"),
    (r"seqTransDecoder\.stack\.(\d+)\.multihead_attn", r"layers.\1.cross_attention"),
    (r"seqTransDecoder\.stack\.(\d+)\.norm1", r"layers.\1.self_norm"),
    (r"seqTransDecoder\.stack\.(\d+)\.norm2", r"layers.\1.cross_norm"),
    (r"seqTransDecoder\.stack\.(\d+)\.norm3", r"layers.\1.feed_forward_norm"),
    (r"seqTransDecoder\.stack\.(\d+)\.film1\.block", r"layers.\1.self_film"),
    (r"seqTransDecoder\.stack\.(\d+)\.film2\.block", r"layers.\1.cross_film"),
    (r"seqTransDecoder\.stack\.(\d+)\.film3\.block", r"layers.\1.feed_forward_film"),
    (r"seqTransDecoder\.stack\.(\d+)\.linear1", r"layers.\1.feed_forward.0"),
    (r"seqTransDecoder\.stack\.(\d+)\.linear2", r"layers.\1.feed_forward.3"),
    (r"final_layer", "motion_out"),
    (r"out_proj", "out"),
)
"""EDGE's names and ours, as whole words. `in_proj_*` is split into query, key and value; `rotary.freqs` is dropped."""


@dataclass(frozen=True, eq=False)
class EdgeCheckpoint:
    """What the file says: the network in eval mode, the codec, and what it was read from."""

    backbone: Backbone
    codec: MotionCodec
    metadata: dict[str, Any]

    def bundle(self) -> Bundle:
        """The same as a bundle, which needs no pickle; the schedule is EDGE's."""
        config = {
            "kind": KIND,
            "model": asdict(self.backbone.config),
            "diffusion": {"name": "cosine", "steps": 1000},
            "extractor": _extractor(self.backbone.config.condition_dim),
        }
        card = f"# EDGE\n\nConverted from `{self.metadata['file']}` ({self.metadata['weights']}).\n"
        return Bundle(self.backbone.state_dict(), config, self.codec, card)


def read_edge_checkpoint(path: Path | str, heads: int | None = None) -> EdgeCheckpoint:
    """Read `path`; `heads` must be given where the network hasn't EDGE's published width. Raises InputError."""
    saved = read_torch_archive(path, classes=("dataset.preprocess.Normalizer", "dataset.scaler.MinMaxScaler"))
    weights = "ema_state_dict"
    if not isinstance(saved, dict) or not isinstance(saved.get(weights), dict):
        raise InputError(f"{path}: no {weights} in it, so it is not a checkpoint of EDGE; give the file it published")
    try:
        state = {name: tensor.load() for name, tensor in saved[weights].items()}
        backbone, codec = backbone_from_edge(state, heads), _codec(saved["normalizer"].scaler)
    except InputError:
        raise
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: does not load as a checkpoint of EDGE ({error}); give the file that it published"
        ) from error
    return EdgeCheckpoint(backbone, codec, {"file": Path(path).name, "weights": weights})


def _extractor(channels: int) -> str:
    """What made the music features; the file says only how many channels they have."""
    return next((name for name, width in EXTRACTORS.items() if width == channels), "unknown")


def backbone_from_edge(state: dict[str, Tensor], heads: int | None = None) -> Backbone:
    """A backbone in eval mode from EDGE's state dict; its size is read off the tensors.

    Raises KeyError and ValueError where they are not EDGE's.
    """
    state = {name.removeprefix("module."): value.float() for name, value in state.items()}
    if not all(value.isfinite().all() for value in state.values()):
        raise ValueError("its weights hold NaN or infinity")
    config = _config(state, heads)
    with torch.device("meta"):
        backbone = Backbone(config)
    width = config.condition_dim
    raw_music = {"music_mean": torch.zeros(width), "music_std": torch.ones(width)}  # as EDGE's features were
    try:
        backbone.load_state_dict(_renamed(state) | raw_music, assign=True)
    except RuntimeError as error:
        raise ValueError("its tensors are not those of EDGE's network") from error
    return backbone.eval()


def _config(state: dict[str, Tensor], heads: int | None) -> BackboneConfig:
    latent, motion_dim = state["input_projection.weight"].shape
    heads = heads or HEADS_OF_LATENT.get(latent)
    if motion_dim != CHANNELS:
        raise ValueError(f"the network has {motion_dim} motion channels instead of {CHANNELS}")
    if heads is None or latent % heads:
        raise ValueError(f"a network {latent} wide does not say how many heads it has; give heads, a divisor of it")
    return BackboneConfig(
        motion_dim=motion_dim,
        condition_dim=state["cond_projection.weight"].shape[1],
        latent=latent,
        feed_forward=len(state["seqTransDecoder.stack.0.linear1.weight"]),
        layers=1 + max(int(n.split(".")[2]) for n in state if n.startswith("seqTransDecoder.stack.")),
        heads=heads,
        trained_frames=state["null_cond_embed"].shape[1],
    )


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        for theirs, ours in RENAMES:
            name = re.sub(rf"\b{theirs}\b", ours, name)
        stem, stacked, kind = name.partition("in_proj_")
        if stacked:
            parts = (f"{stem}{part}.{kind}" for part in ("query", "key", "value"))
            renamed.update(zip(parts, (chunk.clone() for chunk in value.chunk(3)), strict=True))
        elif not name.endswith("rotary.freqs"):
            renamed[name] = value
    return renamed


def _codec(scaler: Any) -> MotionCodec:
    """EDGE's min-max scaler, x * scale_ + min_ clipped to [-1, 1]; 6D by rows, root positions in metres, z-up."""
    if tuple(scaler.feature_range) != (-1, 1) or not scaler.clip:
        raise ValueError(f"its scaler maps to {scaler.feature_range} instead of clipping to (-1, 1)")
    scale, offset = scaler.scale_.load().float(), scaler.min_.load().float()
    if scale.shape != (CHANNELS,) or offset.shape != (CHANNELS,) or not (scale > 0).all():
        raise ValueError("its scaler does not fit the 151 channels")
    if not (scale.isfinite().all() and offset.isfinite().all()):
        raise ValueError("its scaler holds NaN or infinity")
    return MotionCodec(scale, offset, sixd="rows", root="position", fps=FPS)
