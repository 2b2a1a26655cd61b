// The song as a strip: counts and eights, the waveform, styles, takes, what is selected, and where it plays.
//
// Click to go there, drag to select (on counts; with Alt anywhere), double-click to select an eight, wheel to zoom.

const RULER = 24;
const WAVE = 58;
const LANE = 17;
const GAP = 4;
const SHORTEST_VIEW_S = 1.5;
const CLICK_PX = 4;
const ROOM_PER_COUNT_PX = 15;
const ROOM_PER_EIGHT_PX = 34;

const INK = {
  ground: "#0c0f15", ruler: "#151a24", line: "#2a3140", count: "#7f8aa3", eight: "#f4e9d4",
  wave: "#4c6a7d", waveOutside: "#2a3743", beat: "rgba(255,255,255,0.07)", bar: "rgba(255,255,255,0.20)",
  selected: "rgba(242,180,90,0.20)", edge: "#f2b45a", head: "#ffffff", words: "#0c0f15",
  takes: ["#f2b45a", "#5fb8d6"], made: "rgba(255,255,255,0.55)",
};

export function createTimeline(canvas, { onSeek, onSelect }) {
  const pen = canvas.getContext("2d");
  const state = {
    track: emptyTrack(), takes: [], time: 0, selection: null, looping: false,
    from: 0, to: 1, drag: null, stale: true,
  };

  const endS = () => Math.max(state.track.seconds, ...state.takes.map((take) => take.startS + take.seconds), 0.001);
  const width = () => canvas.clientWidth || 1;
  const x = (time) => ((time - state.from) / (state.to - state.from)) * width();
  const timeAt = (px) => state.from + (px / width()) * (state.to - state.from);
  const clamped = (time) => Math.min(Math.max(time, 0), endS());

  function setTrack(track) {
    const before = endS();
    state.track = { ...emptyTrack(), ...track };
    if (endS() !== before) show(0, endS());
    state.stale = true;
  }

  function setTakes(takes) {
    const before = endS();
    state.takes = takes;
    if (endS() !== before) show(0, endS());
    state.stale = true;
  }

  function show(from, to) {
    const span = Math.min(Math.max(to - from, SHORTEST_VIEW_S), endS());
    state.from = Math.min(Math.max(from, 0), Math.max(0, endS() - span));
    state.to = state.from + span;
    state.stale = true;
  }

  function zoom(factor, around = state.time) {
    const share = (around - state.from) / (state.to - state.from);
    const span = (state.to - state.from) * factor;
    show(around - share * span, around + (1 - share) * span);
  }

  function setTime(time, playing) {
    if (time === state.time) return;
    state.time = time;
    state.stale = true;
    const span = state.to - state.from;
    if (playing && !state.drag && (time < state.from || time > state.to)) show(time - 0.05 * span, time + 0.95 * span);
  }

  function select(span, tell = true) {
    state.selection = span && span[1] - span[0] > 0.01 ? span : null;
    state.stale = true;
    if (tell) onSelect(state.selection);
  }

  // The nearest count; without counts the nearest tenth of a second.
  function snapped(time) {
    const marks = edges();
    if (!marks.length) return Math.round(time * 10) / 10;
    return marks.reduce((best, mark) => (Math.abs(mark - time) < Math.abs(best - time) ? mark : best));
  }

  // Where a selection may begin and end: counts, and the ends of the take on the stage.
  function edges() {
    const ends = state.takes.slice(0, 1).flatMap((take) => [take.startS, take.startS + take.seconds]);
    return state.track.beats_s.length ? [...state.track.beats_s, ...ends] : [];
  }

  function eightAt(time) {
    const ones = state.track.beats_s.filter((_, beat) => state.track.counts[beat] === 1);
    if (!ones.length) return [0, endS()];
    const after = ones.findIndex((one) => one > time);
    if (after === 0) return [0, ones[0]];
    return after < 0 ? [ones[ones.length - 1], endS()] : [ones[after - 1], ones[after]];
  }

  function neighbour(step) {
    const { beats_s: beats } = state.track;
    if (!beats.length) return clamped(state.time + step / 2);
    const way = step > 0 ? beats.findIndex((beat) => beat > state.time + 0.02) : beats.findLastIndex((beat) => beat < state.time - 0.02);
    if (way < 0) return step > 0 ? endS() : 0;
    return beats[Math.min(Math.max(way + step - Math.sign(step), 0), beats.length - 1)];
  }

  // What a dancer counts at a time: [eight, count], null before the first beat and without beats.
  function countAt(time) {
    const { beats_s: beats, counts } = state.track;
    const beat = beats.findLastIndex((mark) => mark <= time + 1e-3);
    if (beat < 0) return null;
    const eight = state.track.eights_before + counts.slice(0, beat + 1).filter((count) => count === 1).length;
    return { eight, count: counts[beat], of: 2 * state.track.beats_per_bar, sinceS: time - beats[beat] };
  }

  function draw() {
    if (!state.stale) return;
    state.stale = false;
    const ratio = Math.min(window.devicePixelRatio, 2);
    const [w, h] = [width(), canvas.clientHeight || 1];
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    fill(INK.ground, 0, 0, w, h);
    fill(INK.ruler, 0, 0, w, RULER);
    drawWave(w);
    state.track.beats_s.length ? drawCounts(h) : drawSeconds(h);
    drawStyles();
    state.takes.forEach(drawTake);
    drawSelection(h);
    fill(INK.head, Math.round(x(state.time)) - 1, 0, 2, h);
  }

  function fill(colour, left, top, across, down) {
    pen.fillStyle = colour;
    pen.fillRect(left, top, across, down);
  }

  function write(words, left, top, colour, font, room = Infinity) {
    pen.font = font;
    if (pen.measureText(words).width > room) return;
    pen.fillStyle = colour;
    pen.fillText(words, left, top);
  }

  function drawWave(w) {
    const { peaks, seconds, excerpt } = state.track;
    if (!peaks.length) return;
    const middle = RULER + WAVE / 2;
    for (let px = 0; px < w; px += 2) {
      const [a, b] = [timeAt(px), timeAt(px + 2)].map((time) => Math.floor((time / seconds) * peaks.length));
      const peak = Math.max(0, ...peaks.slice(Math.max(a, 0), Math.max(b, a + 1)));
      const inside = timeAt(px) >= excerpt[0] && timeAt(px) < excerpt[1];
      const half = Math.max(0.5, (peak * WAVE) / 2);
      fill(inside ? INK.wave : INK.waveOutside, px, middle - half, 1.4, 2 * half);
    }
  }

  function drawCounts(h) {
    const { beats_s: beats, counts, beats_per_bar: perBar } = state.track;
    const room = ((state.to - state.from) && width() / (state.to - state.from)) * (beats[1] - beats[0] || 0.5);
    let eight = state.track.eights_before;
    let freeFrom = -Infinity;
    beats.forEach((beat, index) => {
      const [count, left] = [counts[index], x(beat)];
      if (count === 1) eight += 1;
      if (left < -40 || left > width() + 40) return;
      const isBar = (count - 1) % perBar === 0;
      if (isBar || room > 5) fill(isBar ? INK.bar : INK.beat, left, RULER, 1, h - RULER);
      if (count === 1) {
        fill(INK.eight, left, 4, 1.5, RULER - 4);
        if (left >= freeFrom) {
          write(`${eight}`, left + 5, 17, INK.eight, "600 13px system-ui, sans-serif");
          freeFrom = left + ROOM_PER_EIGHT_PX;
        }
      } else if (room > ROOM_PER_COUNT_PX) {
        write(`${count}`, left + 3, 17, INK.count, "11px system-ui, sans-serif");
      }
    });
  }

  function drawSeconds(h) {
    if (endS() < 0.01) return;
    const span = state.to - state.from;
    const step = [0.5, 1, 2, 5, 10, 30, 60].find((seconds) => (seconds / span) * width() > 56) ?? 120;
    for (let time = Math.ceil(state.from / step) * step; time <= state.to; time += step) {
      fill(INK.beat, x(time), RULER, 1, h - RULER);
      write(clockWords(time), x(time) + 4, 17, INK.count, "11px system-ui, sans-serif");
    }
  }

  const laneTop = (lane) => RULER + WAVE + GAP + lane * (LANE + GAP);

  function drawStyles() {
    for (const { from_s: from, to_s: to, label, colour } of state.track.styles) {
      bar(colour, from, to, laneTop(0), LANE, label);
    }
  }

  function drawTake(take, place) {
    const [lane, tall] = [state.track.styles.length ? 1 : 0, state.takes.length > 1 ? LANE * 0.9 : LANE];
    const top = laneTop(lane) + place * (tall + 2);
    bar(INK.takes[place], take.startS, take.startS + take.seconds, top, tall, take.label);
    for (const [from, to] of take.made) {
      fill(INK.made, x(take.startS + from), top + tall - 3, x(take.startS + to) - x(take.startS + from), 3);
    }
  }

  function bar(colour, from, to, top, tall, label) {
    const [left, across] = [x(from), Math.max(1, x(to) - x(from) - 1)];
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(left, top, across, tall, 4);
    pen.fill();
    const seen = Math.max(left, 0);
    write(label, seen + 7, top + tall / 2 + 4, INK.words, "600 11px system-ui, sans-serif", left + across - seen - 10);
  }

  function drawSelection(h) {
    if (!state.selection) return;
    const [left, right] = state.selection.map(x);
    fill(INK.selected, left, 0, right - left, h);
    fill(INK.edge, left - 1, 0, 2, h);
    fill(INK.edge, right - 1, 0, 2, h);
    if (state.looping) fill(INK.edge, left, 0, right - left, 3);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const at = clamped(timeAt(event.offsetX));
    state.drag = { px: event.offsetX, anchor: event.shiftKey && state.selection ? farEnd(at) : at, moved: event.shiftKey };
    canvas.setPointerCapture(event.pointerId);
    if (event.shiftKey) drag(event);
  });
  canvas.addEventListener("pointermove", (event) => state.drag && drag(event));
  canvas.addEventListener("pointerup", (event) => {
    if (state.drag && !state.drag.moved) onSeek(clamped(timeAt(event.offsetX)));
    else if (state.drag) onSelect(state.selection);
    state.drag = null;
  });
  canvas.addEventListener("pointercancel", () => { state.drag = null; });
  canvas.addEventListener("dblclick", (event) => select(eightAt(timeAt(event.offsetX))));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) {
      const step = (sideways / width()) * (state.to - state.from);
      show(state.from + step, state.to + step);
    } else zoom(Math.exp(event.deltaY * 0.0016), timeAt(event.offsetX));
  }, { passive: false });

  const farEnd = (at) => (Math.abs(state.selection[0] - at) > Math.abs(state.selection[1] - at) ? state.selection[0] : state.selection[1]);

  function drag(event) {
    if (Math.abs(event.offsetX - state.drag.px) > CLICK_PX) state.drag.moved = true;
    if (!state.drag.moved) return;
    const free = event.altKey ? (time) => time : snapped;
    const ends = [free(state.drag.anchor), free(clamped(timeAt(event.offsetX)))].sort((a, b) => a - b);
    select(ends, false);
  }

  const resized = new ResizeObserver(() => { state.stale = true; });
  resized.observe(canvas);

  return {
    setTrack, setTakes, setTime, select, show, zoom, draw, snapped, neighbour, countAt, eightAt, endS,
    selection: () => state.selection,
    takes: () => state.takes,
    setLooping(on) { state.looping = on; state.stale = true; },
    whole: () => show(0, endS()),
    dispose: () => resized.disconnect(),
  };
}

function emptyTrack() {
  return { seconds: 0, peaks: [], beats_s: [], counts: [], eights_before: 0, beats_per_bar: 4, styles: [], excerpt: [0, Infinity] };
}

export function clockWords(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
