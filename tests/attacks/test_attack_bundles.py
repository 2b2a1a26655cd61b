"""Bundles that were damaged, forged, or made to harm; all but the first two groups carry a fitting manifest."""

import json
import shutil
import struct

import pytest
import yaml
from safetensors.torch import load_file, save_file

from core_vimo.publish import write_manifest

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


@pytest.mark.parametrize("name", ["model.safetensors", "codec.safetensors", "config.yaml", "card.md", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "delete", "link"])
def test_damage_is_noticed(name, harm, copy, song, refused_dance, tmp_path):
    file = copy / name
    data = bytearray(file.read_bytes())
    file.unlink()
    data[len(data) // 2] ^= 0x80
    if harm == "flip":
        file.write_bytes(bytes(data))
    elif harm == "link":
        (tmp_path / "elsewhere").write_bytes(bytes(data))
        file.symlink_to(tmp_path / "elsewhere")
    assert str(copy) in refused_dance(song, "--bundle", copy)


@pytest.mark.parametrize("text", ["[]", '{"sha256": {}}', "[" * 100_000, "\xff", "../x", "/etc/passwd"])
def test_forged_manifests(text, copy, song, refused_dance):
    manifest = copy / "manifest.json"
    if "/" in text:
        hashes = json.loads(manifest.read_text())["sha256"]
        text = json.dumps({"sha256": hashes | {text: "0"}})
    manifest.write_text(text, encoding="latin-1")
    assert str(copy) in refused_dance(song, "--bundle", copy)


@pytest.mark.parametrize(
    "text",
    ['!!python/object/apply:os.system ["true"]', BOMB + "kind: *i\nformat: 1", "[" * 5000, "[1]", "\xff", "a: ]["],
)
def test_hostile_settings(text, copy, song, refused_dance):
    (copy / "config.yaml").write_text(text, encoding="latin-1")
    write_manifest(copy)
    assert str(copy) in refused_dance(song, "--bundle", copy)


@pytest.mark.parametrize(
    "change",
    [
        "model.latent=10000000",
        "model.latent=48",
        "model.heads=0",
        "model.layers=1000000000",
        "model.evil=1",
        "diffusion.steps=100000000000",
        "diffusion.name=x",
        "codec.fps=60",
        "codec.sixd=x",
        "extractor=x",
        "kind=x",
    ],
)
def test_settings_that_fit_no_model(change, copy, song, refused_dance):
    config = yaml.safe_load((copy / "config.yaml").read_text())
    path, _, value = change.partition("=")
    *groups, key = path.split(".")
    (config[groups[0]] if groups else config)[key] = yaml.safe_load(value)
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    write_manifest(copy)
    assert str(copy) in refused_dance(song, "--bundle", copy)


@pytest.mark.parametrize("file", ["model.safetensors", "codec.safetensors"])
@pytest.mark.parametrize("harm", ["nan", "shape", "absurd"])
def test_weights_that_cannot_be(file, harm, copy, song, refused_dance):
    tensors = load_file(copy / file)
    name = next(name for name in sorted(tensors) if tensors[name].ndim == 1)
    if harm == "absurd":
        header = json.dumps(
            {name: {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 1 << 62]}}
        ).encode()
        (copy / file).write_bytes(struct.pack("<Q", len(header)) + header)
    else:
        tensors[name] = tensors[name] * float("nan") if harm == "nan" else tensors[name][:3].clone()
        save_file(tensors, copy / file)
    write_manifest(copy)
    assert str(copy) in refused_dance(song, "--bundle", copy)
