// A video with what was seen in it: the keypoints of the take on the stage, drawn over it frame by frame.
const LINES = [[5, 6], [5, 7], [7, 9], [6, 8], [8, 10], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16]];
const SURE = 0.3; // confidence from which on a joint counts as seen
const INK = { left: "#f2b45a", right: "#5fb8d6", middle: "#ffffff" };

export default {
  template: `<div class="filmed">
    <video ref="video" :src="src" controls muted preload="metadata" :data-in-step="seen ? '' : null"></video>
    <canvas ref="over" aria-hidden="true"></canvas>
  </div>`,
  props: { src: String, seen: String },
  data: () => ({ poses: null }),
  mounted() {
    this.$watch(() => this.seen, this.load, { immediate: true });
    const draw = () => {
      this.frame = requestAnimationFrame(draw);
      if (this.$refs.over.offsetParent) this.draw();
    };
    draw();
  },
  unmounted() {
    cancelAnimationFrame(this.frame);
  },
  methods: {
    async load(url) {
      this.poses = null;
      if (!url) return;
      const answer = await fetch(url);
      if (answer.ok && url === this.seen) this.poses = Object.freeze(await answer.json());
    },
    draw() {
      const { over, video } = this.$refs;
      const ratio = window.devicePixelRatio;
      const [w, h] = [over.clientWidth, over.clientHeight];
      const key = [w, h, video.currentTime, this.poses !== null].join();
      if (key === this.drawn) return;
      this.drawn = key;
      [over.width, over.height] = [w * ratio, h * ratio];
      const row = this.poses?.keypoints[Math.round(video.currentTime * this.poses.fps)];
      if (!row) return;
      const pen = over.getContext("2d");
      const [wide, high] = this.poses.size;
      const scale = Math.min(w / wide, h / high); // the browser fits the picture into the video's box
      pen.setTransform(ratio * scale, 0, 0, ratio * scale, (ratio * (w - scale * wide)) / 2, (ratio * (h - scale * high)) / 2);
      drawPose(pen, row, 2.2 / scale);
    },
  },
};

function drawPose(pen, row, width) {
  const at = (joint) => row.slice(3 * joint, 3 * joint + 3);
  const ink = (joint) => (joint === 0 ? INK.middle : joint % 2 ? INK.left : INK.right);
  pen.lineWidth = width;
  pen.lineCap = "round";
  for (const [from, to] of LINES) {
    const [[x, y, sureFrom], [u, v, sureTo]] = [at(from), at(to)];
    if (Math.min(sureFrom, sureTo) < SURE) continue;
    pen.strokeStyle = from % 2 === to % 2 ? ink(from) : INK.middle;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(u, v);
    pen.stroke();
  }
  for (let joint = 0; joint < row.length / 3; joint += 1) {
    const [x, y, sure] = at(joint);
    if (sure < SURE) continue;
    pen.fillStyle = ink(joint);
    pen.beginPath();
    pen.arc(x, y, 1.2 * width, 0, 2 * Math.PI);
    pen.fill();
  }
}
