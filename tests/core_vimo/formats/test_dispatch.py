import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.formats import SUFFIXES, read_motion, write_motion

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".GLB"])
def test_every_format_comes_back_as_the_same_movement(motion, tmp_path, suffix):
    path = tmp_path / f"dance{suffix}"
    write_motion(motion, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    back = read_motion(path)
    assert len(back) == len(motion) and back.fps == pytest.approx(motion.fps)
    assert (back.joints_m() - motion.joints_m()).norm(dim=-1).max() < 1e-3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_without_a_telling_suffix_is_known_by_its_content(motion, tmp_path, suffix):
    write_motion(motion, tmp_path / f"dance{suffix}")
    nameless = (tmp_path / f"dance{suffix}").rename(tmp_path / "download")
    torch.testing.assert_close(read_motion(nameless).root_m, motion.root_m, atol=1e-3, rtol=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 100, None])
def test_wrong_empty_and_missing_files_are_one_sentence(tmp_path, suffix, content):
    path = tmp_path / f"bad{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"bad\\{suffix}") as caught:
        read_motion(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dance.mp3", "dance", "dance.fbx"])
def test_what_can_be_read_and_written_is_listed(motion, tmp_path, name):
    with pytest.raises(InputError, match=r"\.npz, \.bvh, \.glb or \.pkl"):
        write_motion(motion, tmp_path / name)
    (tmp_path / name).write_bytes(b"ID3 something else")
    with pytest.raises(InputError, match=r"\.npz, \.bvh, \.glb or \.pkl"):
        read_motion(tmp_path / name)
    for absent in (tmp_path / "absent.xyz", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_motion(absent)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_unwritable_place_is_one_sentence_and_leaves_nothing(motion, tmp_path, suffix):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_motion(motion, tmp_path / "file" / f"dance{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_motion(motion, tmp_path / f"folder{suffix}")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["file", f"folder{suffix}"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failing_disk_leaves_the_old_file(motion, tmp_path, suffix, monkeypatch):
    path = tmp_path / f"dance{suffix}"
    path.write_bytes(b"the old one")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_motion(motion, path)
    assert path.read_bytes() == b"the old one" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_never_raise_anything_else(motion, tmp_path, suffix):
    path = tmp_path / f"dance{suffix}"
    write_motion(motion[:3], path)
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(80):
        at, length = int(rng.integers(min(len(whole), 6000))), int(rng.integers(1, 9))
        path.write_bytes(whole[:at] + rng.bytes(int(rng.integers(9))) + whole[at + length :])
        with contextlib.suppress(InputError):
            read_motion(path)


def test_importing_the_package_brings_nothing_heavy():
    script = (
        "import sys, core_vimo.formats; print(*{'skimage', 'scipy', 'smplx', 'librosa', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
