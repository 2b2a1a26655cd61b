import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import edge_adapter.beats
from core_vimo.errors import InputError
from core_vimo.formats import write_motion
from core_vimo.metrics.measures import measure
from core_vimo.motion import Motion
from core_vimo.randomness import normal
from core_vimo.rotations import axis_angle_to_matrix, y_up_to_z_up
from edge_adapter.beats import BeatGrid
from edge_adapter.dance_data import PairedDance, write_dance_set
from stylize.cli import main


def _dance(seed: int, seconds: float = 4.0) -> Motion:
    time_s = torch.arange(round(seconds * 30)) / 30
    amplitude, phase = normal((2, 1, 24, 3), seed, 0, "test dance").unbind(0)
    rotations = axis_angle_to_matrix(0.3 * amplitude * torch.sin(math.pi * time_s[:, None, None] + 3 * phase))
    rotations[:, 0] = y_up_to_z_up() @ rotations[:, 0]
    root_m = torch.stack((torch.sin(time_s + seed), torch.cos(time_s), 0.9 + 0 * time_s), dim=-1)
    return Motion.from_rotations(rotations, root_m, 30.0)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three generated dances, each in a folder as `vimo dance` makes them, and five real ones."""
    generated, reference = tmp_path / "generated", tmp_path / "reference"
    for seed in range(3):
        write_motion(_dance(seed), _made(generated / f"song{seed}") / "dance.npz")
    for seed in range(10, 15):
        write_motion(_dance(seed), _made(reference) / f"real{seed}.npz")
    return generated, reference


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Songs whose beats are told by their names alone: the pairing is tested here, not the tracker."""
    folder = _made(tmp_path / "songs")
    for name in ("song0.wav", "song1.wav", "broken.wav"):
        (folder / name).touch()

    def track_beats(path: Path) -> BeatGrid:
        if path.stem == "broken":
            raise InputError(f"{path}: is not a sound file")
        return BeatGrid(np.arange(0.25, 30, 0.5), np.zeros(0), 120.0)

    monkeypatch.setattr(edge_adapter.beats, "track_beats", track_beats)
    return folder


def _evaluate(*arguments: str | Path) -> dict:
    """Run the command and read its report, which stands last in the arguments."""
    assert main(["evaluate", "dances", *map(str, arguments)]) == 0
    return json.loads(Path(arguments[-1]).read_text())


def test_a_folder_is_measured_beside_the_ground_truth(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _evaluate(folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
    assert [(row["name"], row["clips"]) for row in report["rows"]] == [("generated", 3), ("ground truth", 5)]
    for kind in ("k", "m"):
        assert report["rows"][0]["metrics"][f"fid_{kind}"]["value"] == pytest.approx(_textbook_fid(kind), rel=1e-5)
    shown = capsys.readouterr().out
    assert "ground truth (N = 5)" in shown
    assert "foot_skate_ratio" in shown


def _textbook_fid(kind: str) -> float:
    """Of the dances in `folders`, by the formula with a matrix root; z-scored with the real ones' numbers."""
    real, ours = (
        np.stack([measure("", _dance(seed)).features[kind].double().numpy() for seed in seeds])
        for seeds in (range(10, 15), range(3))
    )
    varies = real.std(0) > 1e-8 * np.maximum(np.abs(real.mean(0)), 1)
    mean, std = real.mean(0)[varies], real.std(0)[varies]
    real, ours = (real[:, varies] - mean) / std, (ours[:, varies] - mean) / std
    root_trace = np.sqrt(np.linalg.eigvals(np.cov(ours.T) @ np.cov(real.T)).astype(complex)).real.sum()
    return float(((ours.mean(0) - real.mean(0)) ** 2).sum() + ours.var(0, ddof=1).sum() + real.var(0, ddof=1).sum()
                 - 2 * root_trace)  # fmt: skip


def test_real_dances_are_no_distance_from_themselves_and_others_are(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """And the farther, the wilder: the three generated dances again, along a way five times as long."""
    wild = _made(tmp_path / "wild")
    for seed in range(3):
        calm = _dance(seed)
        write_motion(replace(calm, root_m=calm.root_m * torch.tensor([5.0, 5.0, 1.0])), wild / f"{seed}.npz")
    rows = {
        dances: _evaluate(folders[1].parent / dances, "--reference", folders[1], "--out", tmp_path / "report.json")[
            "rows"
        ]
        for dances in ("reference", "generated", "wild")
    }
    fid_k = {dances: row[0]["metrics"]["fid_k"]["value"] for dances, row in rows.items()}
    assert abs(fid_k["reference"]) < 1e-6 * fid_k["generated"]
    assert fid_k["generated"] < fid_k["wild"] / 2
    assert len({row[1]["metrics"]["div_k"]["value"] for row in rows.values()}) == 1, "the truth's own row stays"


def test_broken_and_short_files_are_named_and_do_not_stop_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    write_motion(_dance(9, seconds=0.3), folders[0] / "blink.npz")
    report = _evaluate(folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
    left_out = [note for note in report["notes"] if note.startswith("left out")]
    assert report["rows"][0]["clips"] == 3
    assert len(left_out) == 2
    assert any("torn.npz" in note for note in left_out)
    assert any("blink.npz" in note and "0.30 s" in note for note in left_out)


def test_a_dance_in_several_formats_counts_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    write_motion(_dance(0), folders[0] / "song0" / "dance.bvh")
    write_motion(_dance(7), folders[0] / "song0" / "other.bvh")
    report = _evaluate(folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
    names = [dance["name"] for dance in report["rows"][0]["dances"]]
    assert names == ["song0/dance.npz", "song0/other.bvh", "song1/dance.npz", "song2/dance.npz"]


def test_training_dances_tell_copies(folders: tuple[Path, Path], tmp_path: Path) -> None:
    training = _made(tmp_path / "training")
    write_motion(_dance(1), training / "learnt.npz")
    write_motion(_dance(20), training / "another.npz")
    report = _evaluate(folders[0], "--reference", folders[1], "--training", training, "--out", tmp_path / "report.json")
    copied = report["rows"][0]["dances"][1]
    assert copied["nearest_training_dance"] == "learnt.npz"
    assert copied["copy_distance_m"] < 1e-3 < report["rows"][0]["dances"][0]["copy_distance_m"]
    assert report["rows"][2]["name"] == "training"


def test_songs_are_found_by_name_and_by_manifest(folders: tuple[Path, Path], songs: Path, tmp_path: Path) -> None:
    manifest = {"song": str(songs / "song1.wav"), "audio_offset_s": 0.1}
    (folders[0] / "song2" / "manifest.json").write_text(json.dumps(manifest))
    arguments = (folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
    noted_only = _evaluate(*arguments)
    assert noted_only["rows"][0]["metrics"]["beat_f1"]["clips"] == 1
    report = _evaluate(*arguments[:-2], "--songs", songs, *arguments[-2:])
    assert report["rows"][0]["metrics"]["beat_f1"]["clips"] == 3
    assert report["rows"][1]["metrics"]["beat_f1"]["clips"] == 0


def test_a_dance_that_starts_within_its_song_is_scored_from_there(
    folders: tuple[Path, Path], songs: Path, tmp_path: Path
) -> None:
    """The beats lie half a second apart: starting that much later changes nothing, a quarter second does."""
    scores = []
    for start in (0.0, 0.5, 0.25):
        for seed in range(3):
            manifest = {"song": str(songs / "song0.wav"), "audio_offset_s": start}
            (folders[0] / f"song{seed}" / "manifest.json").write_text(json.dumps(manifest))
        report = _evaluate(folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
        scores.append([dance["bas_dance_to_music"] for dance in report["rows"][0]["dances"]])
    assert scores[1] == pytest.approx(scores[0])
    assert scores[2] != pytest.approx(scores[0])


def test_a_broken_song_costs_the_beats_alone(folders: tuple[Path, Path], songs: Path, tmp_path: Path) -> None:
    manifest = {"song": str(songs / "broken.wav")}
    (folders[0] / "song0" / "manifest.json").write_text(json.dumps(manifest))
    report = _evaluate(folders[0], "--reference", folders[1], "--songs", songs, "--out", tmp_path / "report.json")
    assert report["rows"][0]["clips"] == 3
    assert report["rows"][0]["metrics"]["beat_f1"]["clips"] == 1
    assert any("broken.wav" in note for note in report["notes"])


def test_a_data_set_gives_its_test_dances_with_their_beats_and_its_training_dances(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    def paired(seed: int, split: str) -> PairedDance:
        beats_s = torch.arange(0.5, 4, 0.5, dtype=torch.float64)
        return PairedDance(f"d{seed}", _dance(seed), torch.zeros(120, 35), beats_s, "made up", split)

    pairs = [paired(1, "train"), paired(21, "test"), paired(22, "test"), paired(23, "test"), paired(24, "test")]
    write_dance_set(pairs, tmp_path / "set", "librosa35")
    data_set = tmp_path / "set"
    report = _evaluate(folders[0], "--reference", data_set, "--training", data_set, "--out", tmp_path / "report.json")
    assert [row["clips"] for row in report["rows"]] == [3, 4, 1]
    assert report["rows"][1]["metrics"]["beat_f1"]["clips"] == 4
    assert report["rows"][0]["dances"][1]["copy_distance_m"] < 1e-3


def test_csv_and_markdown_too(folders: tuple[Path, Path], tmp_path: Path) -> None:
    outs = [tmp_path / "report.csv", tmp_path / "report.md"]
    flags = [str(part) for out in outs for part in ("--out", out)]
    assert main(["evaluate", "dances", str(folders[0]), "--reference", str(folders[1]), *flags]) == 0
    assert "generated,fid_k," in outs[0].read_text()
    assert "| fid_k |" in outs[1].read_text()


@pytest.mark.parametrize(
    ("dances", "reference", "extra", "said"),
    [
        ("empty", "reference", [], "empty: holds no motion files"),
        ("absent", "reference", [], "absent: is not a folder"),
        ("generated", "empty", [], "empty: holds no motion files"),
        ("torn", "reference", [], "none of its 1 dances can be measured"),
        ("generated", "reference", ["--songs", "absent"], "name a folder of songs"),
        ("generated", "reference", ["--out", "report.xlsx"], "choose one of these endings"),
    ],
)
def test_what_cannot_work_is_one_sentence(
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    dances: str,
    reference: str,
    extra: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    _made(tmp_path / "empty")
    (_made(tmp_path / "torn") / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    assert main(["evaluate", "dances", dances, "--reference", reference, *extra]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("vimo: ")
    assert said in error


def test_a_manifest_that_is_none_leaves_its_dance_out(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "song0" / "manifest.json").write_text("[" * 100_000)
    (folders[0] / "song1" / "manifest.json").write_text('{"audio_offset_s": 3}')
    report = _evaluate(folders[0], "--reference", folders[1], "--out", tmp_path / "report.json")
    assert report["rows"][0]["clips"] == 2
    assert any("manifest.json" in note for note in report["notes"])
