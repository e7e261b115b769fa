/* Each half on a line of its own: a row a group of classes, spots as bars, labels as dots. It zooms,
   and pans by scrolling; of the bars that would share a pixel the highest is drawn. */
const PAD = 8, GUTTER = 100, NAME = 12, BAR = 18, FOOT = 18, REACH = 10, CLOSEST_MS = 10000, STEP = 2;

function svg(name, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  parent.appendChild(node);
  return node;
}

class HalfView {
  constructor(number, groups) {
    this.number = number;
    this.groups = groups;
    this.zoom = 1;
    this.cursor = null;
    const half = desk.game.halves[number - 1];
    const last = Math.max(0, ...[half.labels, half.spots].map((rows) => rows.length ? rows[rows.length - 1][0] : 0));
    this.span = Math.max(half.length || 0, last * 1.01, 5000);
    this.box = html("div", byId("halves"), "", "half" + (half.video ? " jump" : ""));
    this.head = html("h3", this.box, `Half ${number} `);
    this.count = html("span", this.head);
    const tools = html("div", this.head, "", "tools");
    for (const [sign, name, factor] of [["−", "zoom out", 1 / STEP], ["+", "zoom in", STEP], ["⤢", "whole half", 0]]) {
      const button = html("button", tools, sign);
      button.title = button.ariaLabel = `${name}, half ${number}`;
      button.addEventListener("click", () => this.zoomBy(factor));
    }
    this.lane = html("div", this.box, "", "lane");
    this.track = html("div", this.lane, "", "track");
    this.svg = svg("svg", { tabindex: 0, role: "group" }, this.track);
    this.listen();
  }

  get height() { return this.groups.length * (NAME + BAR) + FOOT; }
  /* Ask the browser once a drawing: each question makes it lay out what was drawn since the last. */
  measure() {
    this.width = this.lane.clientWidth;
    this.left = this.lane.scrollLeft;
    this.gutter = this.width < 600 ? 0 : GUTTER; // room for the names of the rows, else above the bars
    this.start = this.gutter + PAD;
  }
  x(ms) { return this.start + (this.width * this.zoom - this.start - PAD) * ms / this.span - this.left; }
  ms(x) { return (x + this.left - this.start) / (this.width * this.zoom - this.start - PAD) * this.span; }
  row(item) { return this.groups.indexOf(item.group) * (NAME + BAR); }

  /* Zoom by a factor (0: out to the whole half) around a place, the chosen spot or the middle. */
  zoomBy(factor, x = null) {
    this.measure();
    const chosen = desk.selected && desk.selected.half === this.number ? this.x(desk.selected.ms) : -1;
    const around = x !== null ? x : chosen >= this.gutter && chosen <= this.width ? chosen : this.width / 2;
    const ms = this.ms(around);
    this.zoom = factor ? Math.min(Math.max(1, this.zoom * factor), Math.max(1, this.span / CLOSEST_MS)) : 1;
    this.track.style.width = 100 * this.zoom + "%";
    this.lane.scrollLeft += this.x(ms) - around;
    this.draw();
  }

  filter() {
    this.items = desk.shown.filter((item) => item.half === this.number);
    const spots = this.items.filter((item) => !item.label).length;
    this.count.textContent = `${spots} spots` + (desk.game.scored ? `, ${this.items.length - spots} labels` : "");
    this.svg.setAttribute("aria-label", `timeline of half ${this.number}: arrow keys choose a spot, Enter plays it, + and - zoom`);
    this.draw();
  }

  draw() {
    this.measure();
    const { width, height } = this, bottom = height - FOOT;
    this.svg.textContent = "";
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.width = width + "px";
    this.svg.style.height = height + "px";
    this.drawGrid(width, bottom);
    if (!this.gutter) this.drawNames(width, bottom);
    this.drawn = [];
    const highest = new Map();
    for (const item of this.items) {
      const x = this.x(item.ms);
      if (x < this.gutter - 4 || x > width + 4) continue;
      const key = (item.label ? -1 : 1) * (1 + item.group * 100000 + Math.round(x));
      const other = highest.get(key);
      if (!other || item === desk.selected || (other !== desk.selected && item.value > other.value)) highest.set(key, item);
    }
    for (const item of highest.values()) this.drawItem(item);
    this.marked = desk.selected !== null && desk.selected.half === this.number;
    if (this.gutter) this.drawNames(width, bottom);
    this.line = null;
    this.drawCursor();
  }

  /* Where the video is; it moves alone, several times a second. */
  drawCursor() {
    if (this.line) this.line.remove();
    const x = this.cursor === null ? -1 : this.x(this.cursor);
    this.line = x < this.gutter ? null
      : svg("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: this.height - FOOT }, this.svg);
  }

  drawGrid(width, bottom) {
    const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3600, 7200];
    const from = Math.max(0, this.ms(this.gutter)), seen = this.ms(width) - from, most = Math.max(3, width / 90);
    const step = 1000 * (steps.find((s) => seen / (1000 * s) <= most) || 14400);
    for (let t = Math.ceil(from / step) * step; t <= Math.min(this.span, this.ms(width)); t += step) {
      const x = this.x(t), anchor = x < this.gutter + 18 ? "start" : x > width - 18 ? "end" : "middle";
      svg("line", { class: "grid", x1: x, x2: x, y1: 0, y2: bottom }, this.svg);
      svg("text", { x: anchor === "start" ? this.gutter : anchor === "end" ? width : x, y: bottom + 13, "text-anchor": anchor }, this.svg).textContent = clock(t);
    }
  }

  /* The names of the rows; where there is room for them, what is panned goes behind them. */
  drawNames(width, bottom) {
    if (this.gutter) svg("rect", { class: "gutter", x: 0, y: 0, width: this.gutter, height: bottom + FOOT }, this.svg);
    this.groups.forEach((group, i) => {
      const y = (i + 1) * (NAME + BAR);
      svg("line", { class: "axis", x1: 0, x2: width, y1: y, y2: y }, this.svg);
      svg("text", { class: "name", x: 0, y: this.gutter ? y - 6 : y - BAR - 2 }, this.svg).textContent = DATA.groups[group];
    });
  }

  drawItem(item) {
    const x = this.x(item.ms), base = this.row(item) + NAME + BAR, on = item === desk.selected ? " on" : "";
    this.drawn.push({ item, x, y: item.label ? base - BAR - 4 : base - BAR / 2 });
    if (item.label) svg("circle", { class: `mark g${item.group} ${item.verdict}${on}`, cx: x, cy: base - BAR - 4, r: 3.4 }, this.svg);
    else svg("line", { class: `spot g${item.group} ${item.verdict}${on}`, x1: x, x2: x, y1: base, y2: base - Math.max(2, BAR * item.value) }, this.svg);
    if (on) svg("path", { class: "pointer", d: `M${x - 5} ${base + 7}L${x} ${base + 1}L${x + 5} ${base + 7}Z` }, this.svg);
  }

  nearest(event) {
    const frame = this.svg.getBoundingClientRect(), px = event.clientX - frame.left, py = event.clientY - frame.top;
    let best = null, least = event.pointerType === "touch" ? 2 * REACH : REACH;
    for (const one of this.drawn) {
      const off = Math.abs(one.x - px) + Math.abs(one.y - py) / 4;
      if (off < least) { best = one.item; least = off; }
    }
    return best;
  }

  listen() {
    let grip = null;
    this.lane.addEventListener("scroll", () => this.draw());
    this.lane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - this.svg.getBoundingClientRect().left);
    }, { passive: false });
    this.svg.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") this.zoomBy(STEP);
      else if (event.key === "-") this.zoomBy(1 / STEP);
      else if (event.key === "0") this.zoomBy(0);
      else walk(event, this.items, 10);
    });
    this.svg.addEventListener("pointerdown", (event) => {
      grip = event.pointerType === "mouse" ? { x: event.clientX, left: this.lane.scrollLeft, moved: false } : null;
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (grip && event.buttons && (grip.moved || Math.abs(event.clientX - grip.x) > 4)) {
        grip.moved = true;
        this.svg.setPointerCapture(event.pointerId);
        this.lane.scrollLeft = grip.left + grip.x - event.clientX;
      } else tip.show(this.nearest(event), event);
    });
    this.svg.addEventListener("pointerleave", () => tip.show(null));
    this.svg.addEventListener("click", (event) => {
      const item = grip && grip.moved ? null : this.nearest(event);
      grip = null;
      if (item) desk.jump(item);
    });
  }

  /* Bring the chosen spot into sight when the half is zoomed. */
  select(item) {
    if (item.half === this.number) {
      const x = this.x(item.ms);
      if (x < this.start || x > this.width - PAD) this.lane.scrollLeft += x - this.width / 2;
    }
    if (this.marked || item.half === this.number) this.draw();
  }

  time(half, ms) {
    this.cursor = half === this.number ? ms : null;
    this.drawCursor();
  }
}

const tip = {
  show(item, event) {
    const node = byId("tip");
    node.hidden = !item;
    if (!item) return;
    node.textContent = described(item);
    node.style.left = Math.max(8, Math.min(event.clientX + 12, window.innerWidth - node.offsetWidth - 8)) + "px";
    node.style.top = event.clientY + 16 + "px";
  },
};

desk.views.push((() => {
  let halves = [];
  const each = (what) => (...about) => halves.forEach((half) => half[what](...about));
  window.addEventListener("resize", each("draw"));
  return {
    open() {
      byId("halves").textContent = "";
      const groups = [...new Set(desk.items.map((item) => item.group))].sort();
      halves = desk.game.halves.flatMap((half, i) =>
        half.labels.length || half.spots.length || half.video ? [new HalfView(i + 1, groups)] : []);
    },
    filter: each("filter"),
    select: each("select"),
    time: each("time"),
  };
})());
