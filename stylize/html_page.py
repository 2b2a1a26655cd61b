"""One HTML file that holds a dance, its song, its counts and the player, and plays by double click with no network.

three.js is read out of the installed NiceGUI when the file is made, so nothing of it lies in this repository. The
page's own security policy forbids it any connection.
"""

import base64
import html
import importlib.util
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from core_vimo import __version__
from core_vimo.errors import InputError, MissingExtraError
from core_vimo.formats.web import body_bytes, clip_bytes
from core_vimo.motion import Motion
from core_vimo.publish import publish_file
from stylize.render.soundtrack import BLOCK, RATE, Samples, check_song, soundtrack
from stylize.spans import beats_inside
from stylize.take_files import Sound

STAGE = Path(__file__).parent / "studio" / "stage"
"""The player's sources, which the studio's page uses too."""
MODULES = ("binary.js", "stage.js", "timeline.js", "player.js")

_SONG_BITS = 160_000
_NO_CONNECTIONS = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; media-src blob:; img-src data:"
)

_MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""

_LICENCES = f"""This page carries its player and three.js with two small libraries, each under the MIT License.
The song is its owner's.

vimo-suite {__version__}: Copyright the vimo-suite authors
three.js: Copyright 2010-2025 three.js authors
tween.js: Copyright 2010-2012 Tween.js authors; easing equations Copyright 2001 Robert Penner
stats.js: Copyright 2009-2016 stats.js authors

{_MIT}"""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}
html, body {{ margin: 0; height: 100%; background: #10131a; }}
#player {{ display: grid; grid-template-rows: minmax(0, 1fr) auto; height: 100%; }}
#about {{ position: fixed; right: 14px; top: 48px; color: #77829a; font: 12px system-ui, sans-serif; }}
#about summary {{ text-align: right; cursor: pointer; }}
#about pre {{ max-width: 40em; max-height: 60vh; overflow: auto; white-space: pre-wrap; background: #171c26;
  padding: 12px; text-align: left; }}
</style>
<div id="player"></div>
<details id="about"><summary>about</summary><pre>{licences}</pre></details>
<noscript>This page draws the dance with JavaScript; allow it here.</noscript>
<script type="importmap">{imports}</script>
<script type="text/plain" id="body">{body}</script>
<script type="text/plain" id="clip">{clip}</script>
<script type="text/plain" id="song">{song}</script>
<script type="application/json" id="facts">{facts}</script>
<script type="module">
import {{ createPlayer }} from "vimo-stage/player.js";
const text = (id) => document.getElementById(id).textContent;
const bytes = (id) => Uint8Array.from(atob(text(id)), (letter) => letter.charCodeAt(0));
const {{ track, take }} = JSON.parse(text("facts"));
const player = createPlayer(document.getElementById("player"), bytes("body").buffer);
const song = bytes("song");
player.setSong(song.length ? URL.createObjectURL(new Blob([song], {{ type: "audio/mpeg" }})) : null);
player.setTrack(track);
await player.setTakes([{{ ...take, clip: bytes("clip").buffer }}]);
window.vimo = player;
</script>
</html>
"""


def write_html_page(motion: Motion, path: Path | str, sound: Sound | None = None, title: str = "Dance") -> None:
    """Write the page; the excerpt of the song that is danced to goes in as MP3. Raises InputError.

    `sound.grid`'s beats are in seconds from the motion's start, as everywhere.
    """
    three = three_js()
    if sound is not None:
        check_song(sound.song, sound.start_s)
    song, peaks = (b"", []) if sound is None else _mp3(sound, motion.seconds)
    page = _PAGE.format(
        policy=_NO_CONNECTIONS,
        title=html.escape(title),
        style=(STAGE / "stage.css").read_text(),
        licences=html.escape(_LICENCES),
        imports=json.dumps({"imports": _imports(three)}),
        body=_base64(body_bytes()),
        clip=_base64(clip_bytes(motion)),
        song=_base64(song),
        facts=_inside_script({"track": _track(motion, sound, peaks), "take": _take(motion, title)}),
    )
    with publish_file(path) as aside:
        aside.write_text(page, encoding="utf-8")


def three_js() -> str:
    """The source of NiceGUI's three.js module. Raises MissingExtraError without NiceGUI, InputError for another one."""
    found = importlib.util.find_spec("nicegui")
    if found is None or found.origin is None:
        raise MissingExtraError("an HTML page needs three.js, which comes with: pip install 'vimo-suite[studio]'")
    bundle = Path(found.origin).parent / "elements" / "scene" / "dist" / "index.js"
    source = bundle.read_text(encoding="utf-8") if bundle.is_file() else ""
    if not ("Three.js Authors" in source[:400] and "SPDX-License-Identifier: MIT" in source[:400]):
        raise InputError(
            f"{bundle}: not the three.js that was expected; install the NiceGUI that vimo-suite[studio] names"
        )
    return re.sub(r"\n//# sourceMappingURL=.*", "", source)


def _imports(three: str) -> dict[str, str]:
    """Modules under the names that NiceGUI gives them in its page."""
    sources = {"nicegui-scene": three} | {f"vimo-stage/{name}": (STAGE / name).read_text() for name in MODULES}
    return {name: f"data:text/javascript;base64,{_base64(source.encode())}" for name, source in sources.items()}


def _mp3(sound: Sound, seconds: float) -> tuple[bytes, list[float]]:
    """The excerpt as MP3, gapless by its header, and its waveform: the loudest sample of each block."""
    file = io.BytesIO()
    peaks: list[float] = []
    with av.open(file, "w", format="mp3") as container:
        track = container.add_stream("libmp3lame", rate=RATE, layout="stereo")
        track.bit_rate = _SONG_BITS
        for frame in _frames(soundtrack(sound.song, sound.start_s, seconds), peaks):
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    loudest = max(peaks, default=0.0) or 1.0
    return file.getvalue(), [round(peak / loudest, 3) for peak in peaks]


def _frames(blocks: Iterator[Samples], peaks: list[float]) -> Iterator[av.AudioFrame]:
    for number, block in enumerate(blocks):
        peaks.append(float(np.abs(block).max(initial=0.0)))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, number * BLOCK
        yield frame


def _track(motion: Motion, sound: Sound | None, peaks: list[float]) -> dict[str, Any]:
    track = {"seconds": motion.seconds, "peaks": peaks}
    if sound is None:
        return track
    beats_s, counts = np.asarray(sound.grid.beats_s), sound.grid.counts()
    inside = beats_inside(beats_s, motion.seconds)
    before = counts[: inside[0]] if len(inside) else counts[:0]
    return track | {
        "beats_s": np.round(beats_s[inside].clip(min=0), 3).tolist(),
        "counts": counts[inside].tolist(),
        "eights_before": int((before == 1).sum()),  # eights are numbered from the song's first count 1
        "beats_per_bar": sound.grid.beats_per_bar,
    }


def _take(motion: Motion, title: str) -> dict[str, Any]:
    return {"id": "dance", "label": title, "startS": 0, "seconds": motion.seconds, "made": []}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _inside_script(content: Any) -> str:
    """JSON that can't end the element it stands in."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
