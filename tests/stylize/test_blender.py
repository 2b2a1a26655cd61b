"""FBX and USD through a Blender: what it is asked, and what becomes of one that fails (a real one: where there is)."""

import os
import stat
from pathlib import Path

import pytest

from core_vimo.errors import InputError
from core_vimo.formats.gltf import write_glb
from stylize.blender import convert, find_blender

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the invented Blenders are shell scripts")


@pytest.fixture
def blender(tmp_path, monkeypatch):
    """A Blender that runs this shell script: its arguments after `--` are $source and $target."""

    def make(script: str) -> Path:
        path = tmp_path / "a blender"
        path.write_text(f'#!/bin/sh\nfor target; do source="$before"; before="$target"; done\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("VIMO_BLENDER", str(path))
        return path

    return make


@pytest.mark.parametrize("suffix", [".fbx", ".usd"])
def test_blender_reads_our_glb_and_writes_the_target(suffix, blender, tmp_path):
    blender('case "$*" in *--background*--factory-startup*) cp "$source" "$target";; esac')
    (tmp_path / "a dance.glb").write_bytes(b"glTF")
    convert(tmp_path / "a dance.glb", tmp_path / f"out{suffix}")
    assert (tmp_path / f"out{suffix}").read_bytes() == b"glTF"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no such operator >&2; exit 1", "no such operator"),
        ("exit 0", "nothing"),
        ("kill -9 $$", "it said nothing"),
    ],
)
def test_a_blender_that_fails_is_told_and_leaves_nothing(script, said, blender, tmp_path):
    blender(script)
    (tmp_path / "dance.glb").write_bytes(b"glTF")
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "dance.glb", tmp_path / "out" / "dance.fbx")
    assert not (tmp_path / "out").exists()


def test_without_a_blender_what_to_do_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("VIMO_BLENDER", str(tmp_path / "none"))
    assert find_blender() is None
    with pytest.raises(InputError, match="install Blender"):
        convert(tmp_path / "dance.glb", tmp_path / "dance.fbx")
    with pytest.raises(InputError, match="alone"):
        convert(tmp_path / "dance.glb", tmp_path / "dance.blend")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".fbx", ".usd"])
def test_a_real_blender_writes_both(suffix, tmp_path, invented_dance):
    if find_blender() is None:
        pytest.skip("there is no Blender on the path; name its program with VIMO_BLENDER")
    write_glb(invented_dance(30, 0), tmp_path / "dance.glb")
    convert(tmp_path / "dance.glb", tmp_path / f"dance{suffix}")
    assert (tmp_path / f"dance{suffix}").stat().st_size > 50_000
