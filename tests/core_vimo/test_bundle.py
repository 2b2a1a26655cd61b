import pytest
import torch

from core_vimo.bundle import Bundle, bundle_hash
from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.errors import InputError


@pytest.fixture
def folder(tmp_path):
    codec = MotionCodec(torch.rand(CHANNELS) + 0.5, torch.zeros(CHANNELS), "rows", "position", 30.0)
    Bundle({"w": torch.arange(6.0).half()}, {"kind": "dance", "model": {"latent": 8}}, codec, "# Card\n").save(
        tmp_path / "bundle"
    )
    return tmp_path / "bundle"


def test_what_is_saved_is_loaded(folder):
    bundle = Bundle.load(folder)
    assert bundle.weights["w"].dtype == torch.float32 and bundle.weights["w"].tolist() == list(range(6))
    assert bundle.config == {"kind": "dance", "model": {"latent": 8}}
    assert (bundle.codec.sixd, bundle.codec.root) == ("rows", "position")
    assert {oct(p.stat().st_mode & 0o044) for p in folder.iterdir()} == {"0o44"}  # anyone may read
    assert bundle.card == "# Card\n"
    assert len(bundle_hash(folder)) == 64


@pytest.mark.parametrize(("ptss", "trained"), [({}, False), (0.0, False), (0.2, True), ([[0, 0.0], [0.5, 0.3]], True)])
@pytest.mark.parametrize("name", ["ptss", "clean"])
def test_it_is_known_who_was_trained_with_per_frame_timesteps(folder, name, ptss, trained):
    bundle = Bundle.load(folder)
    config = bundle.config if ptss == {} else bundle.config | {name: ptss}
    Bundle(bundle.weights, config, bundle.codec, bundle.card).save(folder)
    assert Bundle.load(folder).per_frame_timesteps is trained


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml", "codec.safetensors", "card.md"])
def test_a_changed_or_missing_file_is_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        Bundle.load(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        Bundle.load(folder)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such bundle"):
        Bundle.load(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"manifest.json"):
        Bundle.load(tmp_path)
