"""Any video in, upright pictures at a steady rate out; bad files end in one sentence, or where the damage begins."""

import logging
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core_vimo.errors import InputError, MediaError
from core_vimo.video.decode import frames, probe


def film(path: Path, times: list[int], base: Fraction, size: tuple[int, int] = (64, 48), **options) -> Path:
    """Picture k is grey (40 + 5 k) mod 200, shown from times[k] * base s on."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.qmin, stream.codec_context.qmax = 1, 2
        stream.time_base = stream.codec_context.time_base = base
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level(number), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def level(number: int) -> int:
    return 40 + 5 * number % 200


def numbers(pictures: list[np.ndarray]) -> list[int]:
    return [round((float(picture.mean()) - 40) / 5) for picture in pictures]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_film_at_the_asked_rate_comes_picture_by_picture(suffix: str, tmp_path) -> None:
    path = film(tmp_path / f"a{suffix}", list(range(30)), Fraction(1, 30))
    assert numbers(list(frames(path))) == list(range(30))


def test_time_stamps_rounded_to_milliseconds_lose_no_picture(tmp_path) -> None:
    path = film(tmp_path / "a.mkv", [round(k * 1000 / 30) for k in range(35)], Fraction(1, 1000))
    assert numbers(list(frames(path))) == list(range(35))


@pytest.mark.parametrize(("rate", "step"), [(60, 2), (240, 8)])
def test_of_fast_films_pictures_are_left_out(rate: int, step: int, tmp_path) -> None:
    path = film(tmp_path / "a.mp4", list(range(rate // 4)), Fraction(1, rate))
    found = numbers(list(frames(path, seconds=0.15)))
    assert len(found) == 4 and found[0] in range(step) and {later - one for one, later in pairwise(found)} == {step}


def test_a_variable_rate_shows_each_picture_as_long_as_the_film_does(tmp_path) -> None:
    shown = [1, 3, 7, 1, 2, 10, 1]  # thirtieths of a second
    path = film(tmp_path / "a.mp4", [sum(shown[:k]) for k in range(len(shown))], Fraction(1, 30))
    found = list(frames(path))
    assert numbers(found) == [k for k, count in enumerate(shown) for _ in range(count)]
    assert found[1] is found[2] is found[3]


def test_an_excerpt_is_a_slice_of_the_whole(tmp_path) -> None:
    path = film(tmp_path / "a.mp4", list(range(300)), Fraction(1, 30))
    whole = list(frames(path))
    for start, stop in ((0, 40), (100, 130), (200, 300), (299, 300)):
        part = list(frames(path, start_s=start / 30, seconds=(stop - start) / 30))
        assert len(part) == stop - start
        assert all(np.array_equal(one, other) for one, other in zip(part, whole[start:stop], strict=True))
    with pytest.raises(MediaError, match=r"lasts 10\.0 s"):
        next(frames(path, start_s=11))


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_phones_films_are_upright(degrees: int, mirrored: bool, tmp_path) -> None:
    path = tmp_path / "a.mp4"
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32] = 255, 0, 0
    stored[24:, :32] = 0, 255, 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30, width=64, height=48, pix_fmt="yuv420p")
        stream.bit_rate = 4_000_000
        stream.set_display_rotation(degrees, hflip=mirrored)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")))
        container.mux(stream.encode(None))
    expected = np.rot90(stored, degrees // 90)
    expected = expected[:, ::-1] if mirrored else expected
    picture = next(frames(path))
    facts = probe(path)
    assert picture.shape[1::-1] == (facts.width, facts.height) == expected.shape[1::-1] == facts.shown_size()
    assert np.abs(picture.astype(int) - expected).mean() < 12


def test_pixels_become_square_and_odd_sizes_are_kept(tmp_path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=33, height=47, pix_fmt="yuv420p")
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        container.mux(stream.encode(av.VideoFrame(33, 47, "yuv420p")))
        container.mux(stream.encode(None))
    facts = probe(path)
    assert (facts.width, facts.height, facts.has_sound) == (66, 47, False)
    assert next(frames(path)).shape == (47, 66, 3)
    assert next(frames(path, longest=33)).shape == (24, 33, 3) and facts.shown_size(33) == (33, 24)


def test_gifs_with_odd_delays_and_holes(tmp_path) -> None:
    path = tmp_path / "a.gif"
    pictures = []
    for colour in ("red", "lime", "blue"):
        pictures.append(Image.new("RGBA", (21, 13)))
        pictures[-1].paste(colour, (10, 0, 21, 13))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[30, 170, 1000], disposal=2)
    found = list(frames(path))
    assert found[0].shape == (13, 21, 3) and abs(len(found) - 36) <= 1
    assert all((picture[:, :10] == 255).all() for picture in found)
    assert [int(picture[6, 15].argmax()) for picture in found] == [0] + [1] * 5 + [2] * (len(found) - 6)


def test_4k_is_scaled_and_memory_stays_flat(tmp_path) -> None:
    path = film(tmp_path / "a.mp4", list(range(12)), Fraction(1, 30), (3840, 2160))
    tracemalloc.start()
    count = sum(1 for picture in frames(path) if picture.shape == (360, 640, 3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 12 and peak < 6 * 640 * 360 * 3


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.mp4"
    match kind:
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "text":
            path.write_text("this is no film, it is a sentence. " * 200)
        case "terminal":
            path = path.with_suffix(".txt")
            path.write_text("this is no film, it is a sentence. " * 200)
        case "playlist":
            path.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:9,\nhttp://127.0.0.1:9/a.mp4\n#EXT-X-ENDLIST\n")
        case "sound":
            with av.open(str(path), "w") as container:
                stream = container.add_stream("aac", rate=44100, layout="mono")
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                frame.sample_rate = 44100
                container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        case "no index":
            film(path, list(range(30)), Fraction(1, 30))
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "no pictures":
            film(path, [0], Fraction(1, 30))
            data = path.read_bytes()
            at = data.index(b"mdat") + 4
            path.write_bytes(data[:at] + bytes(data.index(b"moov") - 4 - at) + data[data.index(b"moov") - 4 :])
        case "vast":
            film(path, [0], Fraction(1, 30))
            data = path.read_bytes()
            size = (64).to_bytes(2, "big") + (48).to_bytes(2, "big")
            path.write_bytes(data.replace(size, b"\xff\xff\xff\xff"))
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "not found"),
        ("empty", "0 bytes"),
        ("folder", "not a file"),
        ("text", "convert it"),
        ("terminal", "no moving pictures"),
        ("playlist", "convert it|no moving pictures"),
        ("sound", "no moving pictures"),
        ("no index", "convert it"),
        ("no pictures", "nothing in it"),
    ],
)
def test_bad_files_end_in_one_sentence(kind: str, words: str, tmp_path) -> None:
    path = bad_file(kind, tmp_path)
    for read in (probe, lambda path: next(frames(path))):
        with pytest.raises(MediaError, match=words) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_size_that_lies_is_no_danger(tmp_path) -> None:
    path = bad_file("vast", tmp_path)
    try:
        assert max(next(frames(path)).shape) <= 640
    except MediaError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_a_truncated_film_the_rest_is_used(suffix: str, tmp_path, caplog) -> None:
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    path = film(tmp_path / f"a{suffix}", list(range(90)), Fraction(1, 30), **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with caplog.at_level(logging.WARNING):
        found = numbers(list(frames(path)))
    assert found[:-1] == [number % 40 for number in range(len(found) - 1)] and 20 < len(found) < 90
    assert "going on with" in caplog.text


def test_a_claim_of_ten_hours_is_not_believed(tmp_path, caplog) -> None:
    path = film(tmp_path / "a.mp4", [*range(20), 36000 * 30], Fraction(1, 30))
    with caplog.at_level(logging.WARNING):
        assert numbers(list(frames(path))) == list(range(20))
    assert "leaps to 36000 s" in caplog.text


def test_a_suffix_that_lies_is_no_matter(tmp_path) -> None:
    path = film(tmp_path / "a.mkv", list(range(10)), Fraction(1, 30)).rename(tmp_path / "a.mp4")
    assert len(list(frames(path))) == 10


def test_corrupted_files_never_raise_anything_else(tmp_path) -> None:
    whole = film(tmp_path / "whole.mp4", list(range(30)), Fraction(1, 30)).read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(40):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(0, len(data), 30)] = rng.integers(0, 256, 30)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(data.tobytes())
        try:
            assert probe(path).width > 0
            for _ in zip(frames(path), range(100), strict=False):
                pass
        except MediaError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("excerpt", [{"start_s": -1}, {"seconds": 0}, {"fps": 0}, {"start_s": float("nan")}])
def test_excerpts_that_are_none(excerpt: dict, tmp_path) -> None:
    path = film(tmp_path / "a.mp4", [0, 1], Fraction(1, 30))
    with pytest.raises(InputError, match="no excerpt"):
        next(frames(path, **excerpt))


def test_real_videos_last_as_long_as_they_say(shared_data) -> None:
    for path in sorted((shared_data / "videos").iterdir()):
        facts = probe(path)
        count = 0
        for picture in frames(path, longest=160):
            assert picture.shape[1::-1] == facts.shown_size(160)
            count += 1
        assert abs(count - 30 * facts.seconds) <= 1
