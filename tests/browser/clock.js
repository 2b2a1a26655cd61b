// Plays, and notes for every picture what it shows and how far the clock is when it is drawn.
//
// arguments: {speed, loop, seeks, frames, holdUpMs}. The clock stands still within a task of the browser's, so it is read
// anew once a drawing is done, in a microtask after those that the player has queued itself. Of drawings that follow
// each other before any is seen, the last one is the picture.
const [{ speed, loop, seeks, frames, holdUpMs }, done] = arguments;
const { stage, audio, timeline } = vimo;
const draw = stage.draw;
const looping = document.querySelector("[data-part=loop]");
const found = [];
let [frame, ended, held] = [0, false, false];

timeline.select(loop);
if (loop) looping.click();
vimo.setSpeed(speed);
vimo.seek(loop ? loop[0] : 1);

function count() {
  frame += 1;
  if (!ended) requestAnimationFrame(count);
}

function holdUp() {
  held = true;
  const until = performance.now() + holdUpMs;
  while (performance.now() < until);
}

stage.draw = (...told) => {
  const [poseS, at, playing] = [stage.time(), frame, !audio.paused];
  const drawn = draw(...told);
  if (!drawn || !playing) return drawn;
  if (holdUpMs && found.length === 4 && !held) holdUp();
  queueMicrotask(() => queueMicrotask(() => note(poseS, at)));
  return drawn;
};

function note(poseS, at) {
  if (ended || audio.paused) return;
  const picture = { poseS, at, lateMs: (1000 * (audio.currentTime - poseS)) / speed, drawings: 1 };
  if (found.at(-1)?.at === at) picture.drawings += found.pop().drawings;
  found.push(picture);
  if (seeks && found.length % 5 === 0) setTimeout(() => vimo.seek(1 + ((found.length * 2.3) % 9)));
  if (found.length >= frames) end();
}

function end() {
  ended = true;
  stage.draw = draw;
  vimo.pause();
  if (loop) looping.click();
  timeline.select(null);
  vimo.setSpeed(1);
  done(found);
}

audio.addEventListener("ended", end, { once: true });
requestAnimationFrame(count);
vimo.play();
