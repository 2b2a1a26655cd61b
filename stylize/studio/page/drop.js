// A place to drop files on. Each is sent as the body of its own request; what the server refuses is told beneath.
export default {
  template: `
    <div class="drop-part">
      <button type="button" :class="['drop', { over, busy: sending }]" @click="$refs.file.click()"
        @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="dropped">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M11 16V7.8L7.4 11.4 6 10l6-6 6 6-1.4 1.4L13 7.8V16zM5 20v-4h2v2h10v-2h2v4z"/></svg>
        <span>{{ sending ? sending + " · " + now : words }}</span>
        <i :style="{ width: 100 * share + '%' }"></i>
      </button>
      <input ref="file" type="file" hidden :accept="accept" :multiple="many" @change="chosen">
      <div v-for="sentence in problems" class="problem" role="alert">{{ sentence }}</div>
    </div>`,
  props: { url: String, words: String, accept: String, many: Boolean, anywhere: Boolean },
  data: () => ({ over: false, sending: "", share: 0, problems: [], left: 0 }),
  computed: {
    now() {
      return this.share < 1 ? Math.floor(100 * this.share) + " %" : "being looked into"; // by the studio, for seconds
    },
  },
  created() {
    this.line = Promise.resolve();
  },
  mounted() {
    addEventListener("dragover", keepPage);
    addEventListener("drop", keepPage);
    if (this.anywhere) addEventListener("drop", this.droppedAnywhere);
  },
  unmounted() {
    removeEventListener("drop", this.droppedAnywhere);
  },
  methods: {
    droppedAnywhere(event) {
      const files = [...(event.dataTransfer?.files ?? [])];
      const wanted = files.filter((file) => this.accept.split(",").some((end) => file.name.toLowerCase().endsWith(end)));
      if (!wanted.length || event.target.closest?.(".drop")) return;
      this.$emit("begun");
      this.send(wanted).then(() => this.$el.scrollIntoView({ block: "center" })); // where it is told what became of it
    },
    dropped(event) {
      this.over = false;
      this.send([...event.dataTransfer.files]);
    },
    chosen(event) {
      const files = [...event.target.files];
      event.target.value = ""; // so that the same file can be chosen again
      this.send(files);
    },
    // Files that come while others are sent stand in line behind them, and keep what is told of those.
    send(files) {
      const wanted = this.many ? files : files.slice(0, 1);
      if (!this.left) this.problems = [];
      this.left += wanted.length;
      this.line = this.line.then(() => this.sendAll(wanted));
      return this.line;
    },
    async sendAll(files) {
      for (const file of files) {
        try {
          this.$emit("received", await this.sent(file));
        } catch (sentence) {
          this.problems.push(sentence);
        }
        this.left -= 1;
      }
      if (this.left) return;
      this.sending = "";
      this.share = 0;
    },
    sent(file) {
      this.sending = file.name;
      this.share = 0;
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", this.url);
        request.setRequestHeader("x-label", encodeURIComponent(file.name));
        request.upload.onprogress = (event) => { this.share = event.loaded / event.total; };
        request.onerror = () => reject(`${file.name}: the studio can't be reached; is it still running?`);
        request.onload = () => {
          if (request.status === 200) resolve(JSON.parse(request.responseText).id);
          else reject(whyNot(request, file.name));
        };
        request.send(file);
      });
    },
  },
};

// A file that misses its place would otherwise be opened in place of the page.
function keepPage(event) {
  event.preventDefault();
}

function whyNot(request, name) {
  try {
    return JSON.parse(request.responseText).error;
  } catch {
    return `${name}: ${request.responseText.slice(0, 300) || request.status}`;
  }
}
