"""A dancer of random weights, small and quick, and fillers made of it."""

import pytest
import torch

from completion import Filler
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.schedule import cosine_schedule
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.dance_data import fit_codec
from edge_adapter.long_song import SongDancer


@pytest.fixture(scope="session")
def codec(invented_dance) -> MotionCodec:
    return fit_codec([invented_dance(300, 0)])


@pytest.fixture(scope="session")
def dancer(codec) -> SongDancer:
    torch.manual_seed(0)
    config = BackboneConfig(condition_dim=35, latent=32, feed_forward=64, layers=1, heads=4)
    return SongDancer(Backbone(config).eval(), codec, cosine_schedule(50), steps=4, at_once=3)


@pytest.fixture(scope="session")
def alone(dancer) -> Filler:
    return Filler.alone(dancer)
