// The player: the 3D stage, what is written over it, the buttons under it and the timeline, on one clock.
//
// The clock is the <audio> element. Dances without a song play to a silent one. The studio's page and the HTML export
// use this same file; it fills `root` and tells `hooks` what a person did.

import { createStage } from "vimo-stage/stage.js";
import { clockWords, createTimeline } from "vimo-stage/timeline.js";

const SPEEDS = [1, 0.75, 0.5, 0.25];
const FRAME_S = 1 / 30;
const SILENT_RATE = 3000;
const PULSE_S = 0.18;
const HELD_UP_MS = 16; // a picture that took longer shows a moment that has passed
const MORE_DRAWINGS = 2; // of such a picture at most
const TURN_EVERY_MS = 15; // how often a loop's end is looked for where frames are rarer

const ICONS = {
  play: "M7 4l13 8-13 8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  start: "M5 4h3v16H5zM20 4v16L9 12z",
  loop: "M7 7h9V4l5 4.5L16 13v-3H7v4H4V7zM17 17H8v3l-5-4.5L8 11v3h9z",
  mirror: "M11 3h2v18h-2zM9 6v12H2zM15 6v12h7z",
  follow: "M12 2a10 10 0 100 20 10 10 0 000-20zm0 3a7 7 0 110 14 7 7 0 010-14zm0 4a3 3 0 100 6 3 3 0 000-6z",
  counts: "M4 5h4v14H6V7H4zM11 5h9v8h-7v4h7v2h-9v-8h7V7h-7z",
  volume: "M4 9v6h4l5 4V5L8 9zM16 8a5 5 0 010 8v-2a3 3 0 000-4z",
};

export function createPlayer(root, body, hooks = {}, { keepPicture = false } = {}) {
  const parts = build(root);
  const stage = createStage(parts.canvas, body, { keepPicture });
  const { audio } = parts;
  const state = { takes: [], speed: 1, loop: false, counts: true, follow: true, mirror: false, silence: null, last: 0, told: 0, slow: false, dead: false };

  const timeline = createTimeline(parts.timeline, {
    onSeek: seek,
    onSelect(span) { hooks.onSelect?.(span); showLoop(); },
  });

  const now = () => audio.currentTime;
  const endS = () => timeline.endS();

  function seek(time) {
    audio.currentTime = Math.min(Math.max(time, 0), Math.max(0, endS() - 1e-3));
    show();
  }

  async function play() {
    if (!audio.src) return;
    if (now() >= endS() - FRAME_S) audio.currentTime = startOfPlay();
    const span = timeline.selection();
    if (state.loop && span && (now() < span[0] || now() >= span[1])) audio.currentTime = span[0];
    await audio.play();
  }

  const startOfPlay = () => state.takes[0]?.startS ?? 0;
  const toggle = () => (audio.paused ? play() : audio.pause());

  // A loop turns back here, not when the browser finds time for an event.
  function clock() {
    const span = timeline.selection();
    if (state.loop && span && !audio.paused && now() >= span[1]) audio.currentTime = span[0];
    return now();
  }

  function show() {
    stage.pose(clock());
    tell(stage.time());
  }

  function tell(time) {
    state.told = time;
    timeline.setTime(time, !audio.paused);
    showTime(time);
  }

  function tick(stamp) {
    if (state.dead) return;
    requestAnimationFrame(tick);
    const passedS = Math.min((stamp - state.last) / 1000, 1);
    state.last = stamp;
    const beganMs = performance.now();
    drawNow(passedS);
    if (state.told !== stage.time()) tell(stage.time());
    timeline.draw();
    if (!heldUpSince(beganMs)) state.slow = false;
    else if (!state.slow) queueMicrotask(() => drawAgain(MORE_DRAWINGS));
  }

  // Nothing comes between reading the clock and drawing what it says.
  function drawNow(passedS) {
    const time = clock();
    if (stage.time() !== time) stage.pose(time);
    stage.draw(passedS, !audio.paused);
  }

  const heldUpSince = (beganMs) => !audio.paused && performance.now() - beganMs > HELD_UP_MS;

  // New shaders, or other programs, can hold a picture up until it shows a moment that has passed. The clock stands still
  // for as long as a task or microtask of the browser's takes; after that, and before the picture is seen, it is drawn
  // anew. Where that is no quicker the machine is slow, and from then on draws once, until it is quick again.
  function drawAgain(times) {
    if (state.dead) return;
    const beganMs = performance.now();
    drawNow(0);
    if (!heldUpSince(beganMs)) return;
    if (times > 1) queueMicrotask(() => drawAgain(times - 1));
    else state.slow = true;
  }

  function showTime(time) {
    parts.clock.textContent = `${clockWords(time)}.${Math.floor((time % 1) * 10)}`;
    parts.length.textContent = ` / ${clockWords(endS())}`;
    const count = state.counts ? timeline.countAt(time) : null;
    parts.count.hidden = !count;
    if (!count) return;
    parts.count.classList.toggle("one", count.count === 1);
    parts.count.classList.toggle("beat", count.sinceS < PULSE_S);
    parts.number.textContent = count.count;
    parts.eight.textContent = `eight ${count.eight}`;
    parts.dots.replaceChildren(...Array.from({ length: count.of }, (_, index) => dot(index < count.count)));
  }

  function showLoop() {
    timeline.setLooping(state.loop);
    press(parts.loop, state.loop);
  }

  function setSong(url) {
    if (url === parts.song) return;
    parts.song = url;
    audio.pause();
    if (url) audio.src = url;
    else keepSilent();
  }

  // Without a song: silence as long as the dance, so that there is one clock and not two.
  function keepSilent() {
    if (parts.song) return;
    if (state.silence) URL.revokeObjectURL(state.silence);
    state.silence = endS() > 0.01 ? URL.createObjectURL(silentSong(endS())) : null;
    state.silence ? (audio.src = state.silence) : audio.removeAttribute("src");
  }

  function setTrack(track) {
    timeline.setTrack(track);
    keepSilent();
    show();
  }

  // takes: [{id, label, clip: URL or ArrayBuffer, startS, seconds, made: [[from, to]]}], the first one on the stage.
  async function setTakes(takes) {
    const before = state.takes;
    state.takes = takes;
    const clips = await Promise.all(takes.map((take) => (take.clip instanceof ArrayBuffer ? take.clip : fetched(take.clip))));
    if (state.takes !== takes) return; // a later call overtook this one
    for (const place of [0, 1]) stage.setDancer(place, clips[place] ?? null, takes[place]?.startS ?? 0);
    timeline.setTakes(takes);
    keepSilent();
    parts.legend.replaceChildren(...(takes.length > 1 ? takes.map(legend) : []));
    if (takes.length && !before.length && now() < takes[0].startS) seek(takes[0].startS);
    show();
    hooks.onShown?.(takes.map((take) => take.id));
  }

  function setSpeed(speed) {
    state.speed = speed;
    audio.playbackRate = speed;
    parts.speed.textContent = `${speed}×`;
    parts.speed.classList.toggle("on", speed !== 1);
  }

  const switches = {
    loop() { state.loop = !state.loop; if (state.loop && !timeline.selection()) timeline.select(timeline.eightAt(now())); showLoop(); },
    mirror() { state.mirror = !state.mirror; stage.setMirror(state.mirror); press(parts.mirror, state.mirror); },
    follow() { state.follow = !state.follow; stage.setFollow(state.follow); press(parts.follow, state.follow); },
    counts() { state.counts = !state.counts; press(parts.counts, state.counts); showTime(now()); },
    speed() { setSpeed(SPEEDS[(SPEEDS.indexOf(state.speed) + 1) % SPEEDS.length]); },
    half() { setSpeed(state.speed === 0.5 ? 1 : 0.5); },
  };

  const markEdge = (edge) => {
    const [from, to] = timeline.selection() ?? [now(), endS()];
    const at = timeline.snapped(now());
    timeline.select(edge === "start" ? [at, Math.max(to, at)] : [Math.min(from, at), at]);
  };

  const KEYS = {
    " ": toggle, k: toggle,
    ArrowLeft: (event) => seek(event.altKey ? now() - FRAME_S : timeline.neighbour(event.shiftKey ? -8 : -1)),
    ArrowRight: (event) => seek(event.altKey ? now() + FRAME_S : timeline.neighbour(event.shiftKey ? 8 : 1)),
    Home: () => seek(startOfPlay()), End: () => seek(endS()),
    m: switches.mirror, f: switches.follow, h: switches.half, l: switches.loop, c: switches.counts,
    "[": () => markEdge("start"), "]": () => markEdge("end"),
    Escape: () => timeline.select(null),
    "+": () => timeline.zoom(0.7), "=": () => timeline.zoom(0.7), "-": () => timeline.zoom(1.4), 0: () => timeline.whole(),
  };

  function onKey(event) {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable=true], [role=listbox]") || document.querySelector("[role=dialog]");
    const pressing = event.key === " " && event.target.closest?.("button, [role=button], [role=tab], [role=checkbox]");
    if (typing || pressing || event.ctrlKey || event.metaKey) return;
    const answer = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!answer) return;
    event.preventDefault();
    answer(event);
  }

  parts.play.onclick = toggle;
  parts.toStart.onclick = () => seek(startOfPlay());
  for (const name of ["loop", "mirror", "follow", "counts", "speed"]) parts[name].onclick = switches[name];
  parts.view.onchange = () => stage.view(parts.view.value);
  parts.quality.onchange = () => stage.setQuality(parts.quality.value);
  parts.volume.oninput = () => { audio.volume = Number(parts.volume.value); };
  audio.addEventListener("play", () => icon(parts.play, "pause"));
  audio.addEventListener("pause", () => icon(parts.play, "play"));
  audio.addEventListener("error", () => parts.song && hooks.onProblem?.("This browser can't play the song; the dance is still there."));
  for (const event of ["loadedmetadata", "seeked"]) audio.addEventListener(event, show);
  audio.addEventListener("loadedmetadata", () => { audio.playbackRate = state.speed; });
  document.addEventListener("keydown", onKey);
  const turning = setInterval(clock, TURN_EVERY_MS);
  press(parts.follow, true);
  press(parts.counts, true);
  requestAnimationFrame(tick);

  return {
    stage, timeline, audio, seek, play, pause: () => audio.pause(), setSong, setTrack, setTakes, setSpeed, show,
    setQuality(name) { parts.quality.value = name; stage.setQuality(name); },
    setEmpty(words) { parts.empty.hidden = !words; parts.empty.textContent = words; },
    dispose() {
      state.dead = true;
      clearInterval(turning);
      document.removeEventListener("keydown", onKey);
      audio.pause();
      audio.removeAttribute("src");
      if (state.silence) URL.revokeObjectURL(state.silence);
      timeline.dispose();
      stage.dispose();
    },
  };
}

function build(root) {
  root.classList.add("vimo-player");
  root.innerHTML = `
    <section class="vimo-view" aria-label="Stage">
      <canvas class="vimo-canvas" aria-label="The dance in 3D: drag to turn, wheel to come closer"></canvas>
      <div class="vimo-legend"></div>
      <div class="vimo-count" aria-hidden="true" hidden><b></b><span></span><i></i></div>
      <p class="vimo-empty" hidden></p>
      <div class="vimo-tools" role="toolbar" aria-label="How the stage is seen">
        <select data-part="view" aria-label="View"><option value="front">front</option><option value="side">side</option><option value="back">back</option><option value="above">above</option></select>
        <select data-part="quality" aria-label="Quality of the picture"><option value="auto">auto</option><option value="high">high</option><option value="medium">medium</option><option value="low">low</option></select>
      </div>
    </section>
    <section class="vimo-deck" aria-label="Song and timeline">
      <div class="vimo-transport" role="toolbar" aria-label="Playing">
        <button data-part="toStart" title="To the start (Home)" aria-label="To the start"></button>
        <button data-part="play" class="big" title="Play or pause (Space)" aria-label="Play or pause"></button>
        <span class="vimo-time"><b></b><span></span></span>
        <button data-part="speed" class="wide" title="Speed (H: half)" aria-label="Speed">1×</button>
        <button data-part="loop" title="Loop what is selected (L)" aria-label="Loop"></button>
        <button data-part="mirror" title="Mirror, as in a dance studio (M)" aria-label="Mirror"></button>
        <button data-part="follow" title="The camera follows (F)" aria-label="Follow"></button>
        <button data-part="counts" title="Show counts (C)" aria-label="Counts"></button>
        <input data-part="volume" type="range" min="0" max="1" step="0.05" value="1" aria-label="Volume" title="Volume">
        <span class="vimo-hint">click: go there · drag: select counts · double-click: an eight · wheel: zoom</span>
      </div>
      <canvas class="vimo-timeline" aria-label="Timeline of the song"></canvas>
      <audio preload="auto"></audio>
    </section>`;
  const named = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  const find = (selector) => root.querySelector(selector);
  const parts = {
    ...named, song: undefined, canvas: find(".vimo-canvas"), timeline: find(".vimo-timeline"), audio: find("audio"),
    legend: find(".vimo-legend"), count: find(".vimo-count"), number: find(".vimo-count b"), eight: find(".vimo-count span"),
    dots: find(".vimo-count i"), empty: find(".vimo-empty"), clock: find(".vimo-time b"), length: find(".vimo-time span"),
  };
  for (const [name, shape] of Object.entries({ toStart: "start", play: "play", loop: "loop", mirror: "mirror", follow: "follow", counts: "counts" })) icon(parts[name], shape);
  return parts;
}

function icon(button, name) {
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
}

function press(button, on) {
  button.classList.toggle("on", on);
  button.setAttribute("aria-pressed", String(on));
}

function dot(lit) {
  const mark = document.createElement("em");
  mark.classList.toggle("lit", lit);
  return mark;
}

function legend(take, place) {
  const words = document.createElement("span");
  words.className = `take-${place}`;
  words.textContent = take.label;
  return words;
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.arrayBuffer();
}

// A WAV of nothing: 8 bits, one channel.
function silentSong(seconds) {
  const samples = Math.ceil(seconds * SILENT_RATE);
  const view = new DataView(new ArrayBuffer(44 + samples));
  const text = (at, words) => [...words].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
  view.setUint32(4, 36 + samples, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, SILENT_RATE, true);
  view.setUint32(28, SILENT_RATE, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  view.setUint32(40, samples, true);
  new Uint8Array(view.buffer, 44).fill(128);
  return new Blob([view.buffer], { type: "audio/wav" });
}
