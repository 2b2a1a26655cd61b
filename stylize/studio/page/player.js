// The player as a NiceGUI element: hands it what the server shows, tells the server what was selected.
import { createPlayer } from "vimo-stage/player.js";

export default {
  template: "<div></div>",
  props: { song: String, track: Object, takes: Array, empty: String },
  async mounted() {
    const body = await (await fetch("/files/body")).arrayBuffer();
    this.told = {};
    this.player = createPlayer(this.$el, body, {
      onSelect: (span) => this.$emit("span", span),
      onProblem: (sentence) => this.player.setEmpty(sentence),
    });
    this.inStep = setInterval(() => keepInStep(this.player.audio), 100);
    window.vimo = this.player; // for the browser's console, and for tests
    this.$watch(() => [this.song, this.track, this.takes, this.empty], this.show, { immediate: true });
  },
  unmounted() {
    clearInterval(this.inStep);
    this.player?.dispose();
  },
  methods: {
    show() {
      this.tell("song", this.song || null, this.player.setSong);
      this.tell("track", this.track ?? {}, this.player.setTrack);
      this.tell("takes", this.takes ?? [], this.player.setTakes);
      this.tell("empty", this.empty ?? "", this.player.setEmpty);
    },
    // The server sends all of it at every change; only what did change is shown anew.
    tell(name, value, how) {
      const text = JSON.stringify(value);
      if (this.told[name] === text) return;
      this.told[name] = text;
      Promise.resolve(how(JSON.parse(text))).catch(() => this.player.setEmpty("This take can't be read any more; choose another."));
    },
    time() {
      return this.player?.audio.currentTime ?? 0;
    },
  },
};

// A video whose movement is on the stage runs beside it, on the stage's clock.
function keepInStep(clock) {
  for (const video of document.querySelectorAll("video[data-in-step]")) {
    if (!video.offsetParent) continue;
    if (clock.paused !== video.paused) clock.paused ? video.pause() : video.play().catch(() => {});
    video.playbackRate = clock.playbackRate;
    if (Math.abs(video.currentTime - clock.currentTime) > 0.1) video.currentTime = clock.currentTime;
  }
}
