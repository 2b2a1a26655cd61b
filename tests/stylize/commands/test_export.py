import torch

from core_vimo.formats import read_motion, write_motion
from stylize.cli import main


def test_one_file_becomes_three_at_another_rate(tmp_path, invented_dance, capsys):
    dance = invented_dance(60, 0)
    write_motion(dance, tmp_path / "dance.npz")
    out = tmp_path / "out"
    assert (
        main(["export", str(tmp_path / "dance.npz"), "--to", "bvh", "glb", "pkl", "--fps", "60", "--out", str(out)])
        == 0
    )
    assert capsys.readouterr().out.split() == [str(out / f"dance.{suffix}") for suffix in ("bvh", "glb", "pkl")]
    for suffix in ("bvh", "glb"):
        exported = read_motion(out / f"dance.{suffix}")
        assert (exported.fps, len(exported)) == (60, 119)
        assert torch.allclose(exported.joints_m()[::2], dance.joints_m(), atol=1e-3)


def test_a_file_is_not_replaced_by_its_own_export(tmp_path, invented_dance, capsys):
    path = tmp_path / "dance.npz"
    write_motion(invented_dance(30, 0), path)
    before = path.read_bytes()
    assert main(["export", str(path), "--to", "bvh", "npz", "--fps", "60"]) == 2
    assert "--out" in capsys.readouterr().err
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_an_unknown_format_is_named(tmp_path, invented_dance, capsys):
    write_motion(invented_dance(30, 0), tmp_path / "dance.npz")
    assert main(["export", str(tmp_path / "dance.npz"), "--to", "fbx"]) == 2
    assert "fbx" in capsys.readouterr().err
