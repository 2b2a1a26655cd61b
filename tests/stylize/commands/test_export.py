import pytest
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


def test_without_formats_it_becomes_the_usual_others(tmp_path, invented_dance):
    write_motion(invented_dance(30, 0), tmp_path / "dance.bvh")
    assert main(["export", str(tmp_path / "dance.bvh")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dance.bvh", "dance.glb", "dance.npz"]


def test_an_older_export_is_replaced_and_that_is_said(tmp_path, invented_dance, capsys):
    write_motion(invented_dance(30, 0), tmp_path / "dance.npz")
    older = tmp_path / "dance.glb"
    older.write_bytes(b"older")
    assert main(["export", str(tmp_path / "dance.npz"), "--to", "glb", "bvh"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{older} (an older file was replaced)", str(tmp_path / "dance.bvh")]
    assert len(read_motion(older)) == 30


def test_an_unknown_format_is_named(tmp_path, invented_dance, capsys):
    write_motion(invented_dance(30, 0), tmp_path / "dance.npz")
    assert main(["export", str(tmp_path / "dance.npz"), "--to", "fbx"]) == 2
    assert "fbx" in capsys.readouterr().err


def test_a_dance_becomes_a_page_with_the_song_its_manifest_knows(made, capsys, tmp_path):
    pytest.importorskip("nicegui", reason="nicegui is not installed: pip install '.[studio]'")
    folder, _ = made
    assert main(["export", str(folder / "take1.npz"), "--to", "my dance.html", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "my dance.html").read_text()
    assert "<title>my dance</title>" in page and '"counts": [' in page
    assert "http" not in page.split("</style>")[1].replace("http://www.w3.org", "").split("<script")[0]


def test_a_motion_without_a_song_becomes_a_silent_page(tmp_path, invented_dance):
    pytest.importorskip("nicegui", reason="nicegui is not installed: pip install '.[studio]'")
    write_motion(invented_dance(30, 0), tmp_path / "walk.npz")
    assert main(["export", str(tmp_path / "walk.npz"), "--to", "html"]) == 0
    assert '<script type="text/plain" id="song"></script>' in (tmp_path / "walk.html").read_text()
