"""The completing commands from end to end, by random weights: what is known keeps its bits, what is wrong is told."""

import json

import av
import pytest
import torch

from completion.masks import part
from core_vimo.bundle import bundle_hash
from core_vimo.codec import ROTATIONS
from core_vimo.formats import read_motion, write_motion
from core_vimo.motion import ground, move, resample
from core_vimo.publish import sha256_file
from stylize.cli import main

TENSORS = ("rotations", "root_m", "contacts")


@pytest.fixture(scope="module")
def options(tiny_bundle):
    return ["--bundle", str(tiny_bundle), "--steps", "3", "--no-video"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory, invented_dance):
    path = tmp_path_factory.mktemp("clips") / "clip.npz"
    write_motion(ground(invented_dance(200, 3)), path)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory, invented_dance):
    """Slower, y-up, and a metre in the air."""
    path = tmp_path_factory.mktemp("clips") / "other.bvh"
    write_motion(resample(move(invented_dance(120, 4), torch.tensor([1.0, 0, 1])), 20.0), path)
    return path


def manifest_of(out):
    return json.loads((out / "manifest.json").read_text())


def same(one, other):
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS)


def test_gaps_are_filled_and_all_else_keeps_its_bits(clip, options, tmp_path):
    command = ["infill", str(clip), "--gap", "1s:1.5s", "--gap", "100f:130f", "--keyframe", "110f", "--takes", "2"]
    assert main([*command, "--out", str(tmp_path), *options]) == 0
    manifest, before = manifest_of(tmp_path), read_motion(clip)
    assert manifest["made_frames"] == [[30, 45], [100, 110], [111, 130]]
    assert manifest["settings"]["clean"] is False  # this model never learned from clean frames
    assert manifest["known_frames"] == [[0, 30], [45, 100], [110, 111], [130, 200]]
    assert sorted(take["seed"] for take in manifest["takes"]) == [0, 1]
    assert manifest["sources"][0]["sha256"] == sha256_file(clip) and manifest["sources"][0]["converted"] == []
    for take in ("take1", "take2"):
        after = read_motion(tmp_path / f"{take}.npz")
        assert all(same(after[slice(*known)], before[slice(*known)]) for known in manifest["known_frames"])
        assert not torch.equal(after.rotations[100:110], before.rotations[100:110])
        assert torch.allclose(read_motion(tmp_path / f"{take}.bvh").joints_m(), after.joints_m(), atol=1e-3)
    assert not same(read_motion(tmp_path / "take1.npz"), read_motion(tmp_path / "take2.npz"))


def test_a_clip_is_laid_into_a_gap(clip, other, options, tmp_path):
    assert main(["export", str(other), "--span", "1s:2s", "--to", "npz", "--out", str(tmp_path)]) == 0
    short = tmp_path / "other.npz"
    assert len(read_motion(short)) == 20  # of 20 frames a second
    command = ["infill", str(clip), "--gap", "2s:4s", "--lay", str(short), "--out", str(tmp_path / "laid")]
    assert main([*command, *options]) == 0
    manifest, before, after = (
        manifest_of(tmp_path / "laid"),
        read_motion(clip),
        read_motion(tmp_path / "laid/dance.npz"),
    )
    (start, at), (left, stop) = manifest["made_frames"]
    assert (start, stop) == (60, 120) and left - at == pytest.approx(30, abs=1)
    assert same(after[:60], before[:60]) and same(after[120:], before[120:])
    assert manifest["edit"]["what"] == "LayIn" and manifest["edit"]["gap"] == "2s:4s"


@pytest.mark.parametrize("how", [["--keep", "legs", "root"], ["--only", "arms", "torso", "head"]])
def test_kept_parts_keep_their_bits_in_what_is_made(clip, options, tmp_path, how):
    assert main(["edit", str(clip), "--regenerate", "2s:4s", *how, "--out", str(tmp_path), *options]) == 0
    before, after = read_motion(clip), read_motion(tmp_path / "dance.npz")
    legs = part("legs", "root")(1)[0, ROTATIONS].unflatten(-1, (24, 6)).all(-1)
    assert torch.equal(after.rotations[:, legs], before.rotations[:, legs]) and torch.equal(after.root_m, before.root_m)
    assert not torch.equal(after.rotations[60:120, 16], before.rotations[60:120, 16])
    assert manifest_of(tmp_path)["kept_in_what_is_made"] == ["left leg", "right leg", "pelvis", "root path"]


def test_two_clips_with_time_between_them(clip, other, options, tmp_path, capsys):
    command = ["inbetween", str(clip), str(other), "--seconds", "1", "--leave", "4s", "--enter", "30f"]
    assert main([*command, "--out", str(tmp_path), *options]) == 0
    told, manifest = capsys.readouterr().out, manifest_of(tmp_path)
    assert "joints, retargeted" not in told  # it is SMPL-24 already
    assert "y-up" in told and "20 frames a second, resampled to 30" in told and "above the floor, put on it" in told
    after, second = read_motion(tmp_path / "dance.npz"), resample(read_motion(other), 30.0)
    assert same(after[:121], read_motion(clip)[:121])
    assert manifest["made_frames"] == [[121, 151]] and len(after) == 151 + len(second) - 30
    assert torch.equal(after.rotations[151:], second.rotations[30:])


def test_two_poses_with_time_between_them(clip, options, tmp_path):
    command = ["inbetween", str(clip), str(clip), "--frames", "40", "--leave", "50f", "--enter", "90f", "--poses"]
    assert main([*command, "--out", str(tmp_path), *options]) == 0
    before, after = read_motion(clip), read_motion(tmp_path / "dance.npz")
    assert len(after) == 42 and same(after[:1], before[50:51]) and same(after[41:], before[90:91])


def test_a_blend_moves_the_second_to_where_the_first_arrives(clip, other, options, tmp_path):
    command = ["blend", str(clip), str(other), "--transition", "1s", "--out", str(tmp_path)]
    assert main([*command, *options]) == 0
    after, second = read_motion(tmp_path / "dance.npz"), resample(read_motion(other), 30.0)
    assert same(after[:200], read_motion(clip))
    assert torch.equal(after.rotations[230:, 1:], second.rotations[:, 1:])
    assert after.root_m[:, :2].diff(dim=0).norm(dim=-1).max() < 0.2


def test_more_of_it_and_a_loop(clip, options, tmp_path):
    assert main(["continue", str(clip), "--seconds", "2", "--out", str(tmp_path / "more"), *options]) == 0
    assert main(["loop", str(clip), "--out", str(tmp_path / "loop"), *options]) == 0
    before = read_motion(clip)
    more, closed = (read_motion(tmp_path / name / "dance.npz") for name in ("more", "loop"))
    assert len(more) == 260 and same(more[:200], before)
    assert len(closed) == 230 and same(closed[:200], before)
    assert (closed.root_m[-1] - before.root_m[0]).norm() < 0.1


def test_a_way_back_too_far_for_a_loop_is_said(clip, options, tmp_path):
    before = read_motion(clip)
    walked = torch.zeros(len(before), 3)
    walked[:, 0] = torch.linspace(0, 5, len(before))
    write_motion(move(before, walked), tmp_path / "far.npz")
    for frames, said in (("30", 1), ("300", 0)):
        command = ["loop", str(tmp_path / "far.npz"), "--frames", frames, "--out", str(tmp_path / frames)]
        assert main([*command, *options]) == 0
        assert len([line for line in manifest_of(tmp_path / frames)["said"] if "must be run in 1.0 s" in line]) == said


def test_a_dance_knows_its_song_and_so_does_what_is_made_of_it(made, song, tiny_bundle, tmp_path, capsys):
    dance, options = made[0] / "take1.npz", ["--bundle", str(tiny_bundle), "--steps", "3", "--size", "96x96"]
    first = tmp_path / "first"
    assert main(["edit", str(dance), "--regenerate", "0c:4c", "--keep", "legs", "--out", str(first), *options]) == 0
    assert "song and counts from" in capsys.readouterr().out
    manifest = manifest_of(first)
    assert manifest["filled_by"] == "the song" and manifest["audio_offset_s"] == 1
    assert manifest["song_sha256"] == sha256_file(song)
    start, stop = manifest["made_frames"][0]
    assert 55 <= stop - start <= 65  # four counts at 120
    with av.open(str(first / "dance.mp4")) as film:
        assert film.streams.audio and float(film.duration / av.time_base) == pytest.approx(6.0, abs=0.1)
    again = ["infill", str(first / "dance.npz"), "--gap", "0c:4c", "--out", str(tmp_path / "second"), "--no-video"]
    assert main([*again, *options[:4]]) == 0
    assert manifest_of(tmp_path / "second")["made_frames"] == manifest["made_frames"]


def test_a_video_is_a_source_as_motion_files_are(clip, poses, vimo_bundle, options, tmp_path, capsys):
    command = ["blend", str(poses), str(clip), "--transition", "1s", "--video-bundle", str(vimo_bundle)]
    assert main([*command, "--out", str(tmp_path), *options]) == 0
    assert "best of four takes" in capsys.readouterr().out
    manifest, made_of = manifest_of(tmp_path), read_motion(tmp_path / "dance.npz")
    assert manifest["made_frames"] == [[200, 230]] and len(made_of) == 430
    assert manifest["sources"][0]["bundle_sha256"] == bundle_hash(vimo_bundle)


def test_gaps_filled_like_a_video(clip, poses, vimo_bundle, options, tmp_path):
    command = ["infill", str(clip), "--gap", "2s:4s", "--like", str(poses), "--video-bundle", str(vimo_bundle)]
    assert main([*command, "--out", str(tmp_path / "like"), *options]) == 0
    assert main(["infill", str(clip), "--gap", "2s:4s", "--out", str(tmp_path / "alone"), *options]) == 0
    manifest, before = manifest_of(tmp_path / "like"), read_motion(clip)
    assert manifest["filled_by"] == "the video" and manifest["video_sha256"] == sha256_file(poses)
    like, alone = (read_motion(tmp_path / name / "dance.npz") for name in ("like", "alone"))
    assert same(like[:60], before[:60]) and same(like[120:], before[120:])
    assert not torch.equal(like.rotations[60:120], alone.rotations[60:120])


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["infill", "{clip}", "--gap", "4s:3s"], "doesn't run forwards"),
        (["infill", "{clip}", "--gap", "4s:99s"], "outside the clip"),
        (["infill", "{clip}", "--gap", "1s:2s", "--lay", "{clip}"], "or give a shorter clip"),
        (["infill", "{clip}", "--gap", "1s:2s", "--gap", "3s:4s", "--lay", "{clip}"], "give one --gap"),
        (["infill", "{clip}", "--gap", "1s:3s", "--gap", "2s:4s"], "overlap"),
        (["infill", "{clip}", "--gap", "1s:2s", "--keyframe", "500f"], "500f lies outside the clip"),
        (["infill", "{clip}", "--gap", "1s:2s", "--keyframe", "3s"], "the keyframe 3s lies in no gap"),
        (["infill", "{clip}", "--gap", "30f:32f", "--keyframe", "30f", "31f"], "leave nothing of the gaps to fill"),
        (["infill", "{clip}", "--gap", "8c:10c"], "counts need beats"),
        (["infill", "{clip}", "--gap", "three"], "is no span"),
        (["inbetween", "{clip}", "{clip}", "--seconds", "1", "--leave", "999f"], "999f lies outside the clip"),
        (["inbetween", "{clip}", "{clip}", "--seconds", "0"], "above 0"),
        (["blend", "{clip}", "{clip}", "--transition", "20s", "--song", "{song}"], "the song only"),
        (["blend", "{clip}", "nobody.bvh", "--transition", "2s"], "there is no such file"),
        (["edit", "{clip}", "--regenerate", "1s:2s", "--keep", "tail"], "no body part 'tail'; choose among arms"),
        (["blend", "{clip}", ".", "--transition", "2s"], "is a folder"),
        (["edit", "{clip}"], "nothing would be kept"),
        (["edit", "{clip}", "--keep", "upper", "lower"], "nothing would be made"),
        (["continue", "{clip}", "--seconds", "2", "--passes", "1000000"], "give 1 to 100"),
        (["continue", "{clip}", "--seconds", "2", "--clean"], "not trained with per-frame timesteps"),
        (["continue", "{clip}", "--seconds", "1e9"], "no length that can be filled"),
        (["loop", "{clip}", "--start", "3"], "give the song with --song"),
        (["loop", "{clip}", "--like", "x.mp4", "--alone"], "give one of them"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_leaves_nothing(command, told, clip, song, options, tmp_path, capsys):
    out = tmp_path / "out"
    words = [word.format(clip=clip, song=song) for word in command]
    try:
        code = main([*words, "--out", str(out), *options])
    except SystemExit as end:  # argparse's
        code = end.code
    assert code == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vimo: ") and told in line]
    assert len(error) == 1 and not out.exists()


def test_what_is_read_is_never_replaced(made, clip, tiny_bundle, tmp_path, capsys):
    folder, before = made[0], (made[0] / "manifest.json").read_bytes()
    options = ["--alone", "--no-video", "--steps", "3", "--bundle", str(tiny_bundle)]
    assert main(["loop", str(folder / "take1.npz"), "--out", str(folder), *options]) == 2
    assert "would be replaced" in capsys.readouterr().err and (folder / "manifest.json").read_bytes() == before


def test_a_mocap_dance_goes_into_a_jackson_clip(shared_data, options, tmp_path, capsys):
    first = shared_data / "bvh_misc" / "jesse_dance.bvh"
    second = shared_data / "cmu" / "michael_jackson_styled" / "131_01.bvh"
    command = ["inbetween", str(first), str(second), "--seconds", "2", "--leave", "3s", "--enter", "1s", "--poses"]
    assert main([*command, "--out", str(tmp_path / "poses"), *options]) == 0
    command = [
        "blend",
        str(first),
        str(second),
        "--transition",
        "1.5s",
        "--leave",
        "3s",
        "--out",
        str(tmp_path / "blend"),
    ]
    assert main([*command, *options]) == 0
    told = capsys.readouterr().out
    assert "resampled to 30" in told and "a skeleton of 31 joints, retargeted to SMPL's 24" in told
    before, after = (resample(read_motion(path), 30.0) for path in (first, second))
    blended = read_motion(tmp_path / "blend" / "dance.npz")
    assert manifest_of(tmp_path / "blend")["made_frames"] == [[91, 136]]
    assert torch.equal(blended.rotations[:91], before.rotations[:91])
    assert torch.equal(blended.rotations[136:, 1:], after.rotations[:, 1:])
    assert torch.equal(
        blended.root_m[136:, 2], after.root_m[:, 2]
    )  # on the floor, though the first one is left in a jump
    at = 100.0 * torch.arange(91) / 30  # frames of the file itself that fall on frames of the dance
    whole = (at % 1 == 0).nonzero()[:, 0]
    own = read_motion(first)
    assert len(whole) > 5
    assert torch.allclose(blended.rotations[whole], own.rotations[at[whole].long()], atol=1e-5)
