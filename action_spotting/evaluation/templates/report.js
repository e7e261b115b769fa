"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const LABELS = 74, BARE = 14, DEPTH = 72, FOOT = 22, REACH = 9;
const byId = (id) => document.getElementById(id);
const pick = { game: byId("game"), type: byId("class"), confidence: byId("confidence") };
let drawn = [];

function element(name, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  parent.appendChild(node);
  return node;
}

function html(name, text, parent) {
  const node = document.createElement(name);
  node.textContent = text;
  parent.appendChild(node);
  return node;
}

function clock(ms) {
  const s = Math.floor(ms / 1000);
  return String(Math.floor(s / 60)).padStart(2, "0") + ":" + String(s % 60).padStart(2, "0");
}

function tickStep(ms) {
  const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1200];
  return 1000 * (steps.find((s) => ms / (1000 * s) <= 12) || 1800 * Math.ceil(ms / 21600000));
}

function drawHalf(half, number, scored) {
  const from = Number(pick.confidence.value);
  const type = pick.type.value === "" ? -1 : Number(pick.type.value);
  const wanted = (c) => type < 0 || c === type;
  const labels = half.labels.filter((l) => wanted(l[1]));
  const spots = half.spots.filter((s) => wanted(s[1]) && s[2] >= from);
  const box = document.createElement("div");
  box.className = half.video ? "half jump" : "half";
  const title = html("h3", "Half " + number + " ", box);
  html("span", (scored ? labels.length + " labels, " : "") + spots.length + " spots", title);
  const lane = html("div", "", box);
  lane.className = "lane";
  byId("halves").appendChild(box);
  const width = Math.max(720, lane.clientWidth), axis = scored ? LABELS : BARE;
  const height = axis + DEPTH + FOOT;
  const last = Math.max(0, ...half.labels.map((l) => l[0]), ...half.spots.map((s) => s[0]));
  const span = Math.max(last * 1.01, 5000);
  const x = (ms) => 6 + (width - 12) * ms / span;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "timeline of half " + number }, lane);
  svg.style.height = height + "px";
  for (let t = 0, step = tickStep(span); t <= span; t += step) {
    element("line", { class: "grid", x1: x(t), x2: x(t), y1: 12, y2: height - 14 }, svg);
    element("text", { x: x(t), y: height - 3, "text-anchor": !t ? "start" : x(t) > width - 24 ? "end" : "middle" }, svg).textContent = clock(t);
  }
  element("line", { class: "grid", x1: 0, x2: width, y1: axis + DEPTH, y2: axis + DEPTH }, svg);
  element("line", { class: "axis", x1: 0, x2: width, y1: axis, y2: axis }, svg);
  const items = [];
  for (const [ms, c, confidence, hit] of spots) {
    const node = element("line", { class: `spot g${DATA.classes[c][1]}${hit ? "" : " alone"}`,
      x1: x(ms), x2: x(ms), y1: axis + 1, y2: axis + 1 + Math.max(2, DEPTH * confidence) }, svg);
    const end = scored ? (hit ? ", right" : ", no such label there") : "";
    items.push({ ms, node, x: x(ms), below: true, size: confidence,
      text: `${number} – ${clock(ms)}  ${DATA.classes[c][0]}, confidence ${confidence.toFixed(2)}${end}` });
  }
  for (const [ms, c, visible, found] of labels) {
    const group = DATA.classes[c][1];
    const node = element("circle", { class: `mark g${group}${found ? "" : " missed"}`,
      cx: x(ms), cy: axis - 10 - 12 * group, r: 3.6 }, svg);
    items.push({ ms, node, x: x(ms), below: false, y: axis - 10 - 12 * group, size: 0,
      text: `${number} – ${clock(ms)}  ${DATA.classes[c][0]}${visible ? "" : " (not shown)"}, ${found ? "found" : "missed"}` });
  }
  let video = null;
  if (half.video) {
    video = html("video", "", box);
    video.controls = true;
    video.preload = "none";
    video.src = half.video;
  }
  const state = { svg, items, x, axis, video, start: half.start, here: null };
  listen(state);
  return state;
}

function nearest(state, event) {
  const frame = state.svg.getBoundingClientRect();
  const scale = state.svg.viewBox.baseVal.width / frame.width;
  const px = (event.clientX - frame.left) * scale, py = (event.clientY - frame.top) * scale;
  let best = null, least = REACH;
  for (const item of state.items) {
    if (item.below !== py > state.axis) continue;
    const off = Math.abs(item.x - px) + (item.below ? 1 - item.size : Math.abs(item.y - py) / 2);
    if (off < least) { best = item; least = off; }
  }
  return best;
}

function listen(state) {
  const tip = byId("tip");
  let shown = null;
  const show = (event) => {
    const item = nearest(state, event);
    if (shown) shown.node.classList.remove("on");
    shown = item;
    tip.hidden = !item;
    if (!item) return;
    item.node.classList.add("on");
    tip.textContent = item.text;
    const left = Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = event.clientY + 16 + "px";
  };
  state.svg.addEventListener("pointermove", show);
  state.svg.addEventListener("pointerleave", () => {
    if (shown) shown.node.classList.remove("on");
    tip.hidden = true;
  });
  state.svg.addEventListener("click", (event) => {
    show(event);
    if (shown) jump(state, shown.ms);
  });
}

function jump(state, ms) {
  if (state.here) state.here.remove();
  state.here = element("line", { class: "here", x1: state.x(ms), x2: state.x(ms), y1: 4, y2: state.axis + DEPTH }, state.svg);
  state.svg.parentNode.scrollLeft = state.x(ms) / state.svg.viewBox.baseVal.width * state.svg.clientWidth - state.svg.parentNode.clientWidth / 2;
  if (!state.video) return;
  state.video.currentTime = state.start + Math.max(0, ms / 1000 - 2);
  state.video.play().catch(() => {});
}

function draw() {
  const game = DATA.games[Number(pick.game.value)];
  byId("from").textContent = Number(pick.confidence.value).toFixed(2);
  byId("halves").textContent = "";
  drawn = game.halves.map((half, i) =>
    half.labels.length || half.spots.length || half.video ? drawHalf(half, i + 1, game.scored) : null);
}

function option(select, value, text) {
  html("option", text, select).value = value;
}

DATA.games.forEach((game, i) => option(pick.game, i, game.game));
option(pick.type, "", "all");
DATA.classes.forEach((entry, i) => option(pick.type, i, entry[0]));
for (const control of Object.values(pick)) control.addEventListener("input", draw);
document.querySelectorAll("button[data-game]").forEach((button) =>
  button.addEventListener("click", () => {
    pick.game.value = button.dataset.game;
    pick.type.value = "";
    pick.confidence.value = 0;
    draw();
    const state = drawn[Number(button.dataset.half) - 1];
    state.svg.closest(".half").scrollIntoView({ block: "center" });
    jump(state, Number(button.dataset.ms));
  }));
document.querySelectorAll("[data-share]").forEach((cell) =>
  cell.style.setProperty("--v", cell.dataset.share + "%"));
let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth !== width) { width = window.innerWidth; draw(); }
});
draw();
