"use strict";
/* What the page shows and what a reader has chosen of it. The views (player, list, timeline,
   pictures) draw what stands here, and call `desk` when something is chosen in them. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const pick = { game: byId("game"), type: byId("class"), least: byId("least"), verdict: byId("verdict") };

function html(name, parent, text = "", type = "") {
  const node = document.createElement(name);
  node.textContent = text;
  node.className = type;
  parent.appendChild(node);
  return node;
}

function clock(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  return String(Math.floor(s / 60)).padStart(2, "0") + ":" + String(s % 60).padStart(2, "0");
}

/* Spots and labels of a game, by time: half, ms, type (index of the class), group, value (what is
   shown of a spot: its probability, else its confidence), verdict ("right", "alone" for a spot
   without its label, "missed" for a label without its spot, "found" for one with it). */
function itemsOf(game) {
  const items = [];
  game.halves.forEach((half, i) => {
    for (const [ms, type, value, hit, confidence = null] of half.spots)
      items.push({ half: i + 1, ms, type, value, confidence, verdict: hit ? "right" : "alone", label: false });
    for (const [ms, type, visible, found] of half.labels)
      items.push({ half: i + 1, ms, type, value: 1, visible, verdict: found ? "found" : "missed", label: true });
  });
  for (const item of items) item.group = DATA.classes[item.type][1];
  return items.sort((a, b) => a.half - b.half || a.ms - b.ms || a.label - b.label);
}

const desk = {
  views: [], game: null, items: [], shown: [], selected: null,

  /* Tell the views: `open` (another game), `filter`, `select`, `jump` (item) or `time` (half, ms). */
  tell(what, ...about) {
    for (const view of this.views) if (view[what]) view[what](...about);
  },

  open(index) {
    this.game = DATA.games[index];
    this.items = itemsOf(this.game);
    this.selected = null;
    pick.game.value = index;
    fillClasses();
    this.tell("open");
    this.filter();
  },

  filter() {
    const type = pick.type.value === "" ? -1 : Number(pick.type.value);
    const least = Number(pick.least.value), verdict = pick.verdict ? pick.verdict.value : "";
    byId("from").textContent = worded(least);
    this.shown = this.items.filter((item) => (type < 0 || item.type === type) &&
      (item.label || item.value >= least) &&
      (verdict === "" || item.verdict === verdict));
    if (!this.shown.includes(this.selected)) this.selected = null;
    this.tell("filter");
  },

  /* Choose one of those shown. */
  select(item) {
    this.selected = item;
    this.tell("select", item);
  },

  jump(item) {
    this.select(item);
    this.tell("jump", item);
  },
};

/* A chance is a percentage, a score is a number: neither is ever called the other. */
function worded(value) {
  return desk.game.measure === "probability" ? Math.round(100 * value) + " %" : value.toFixed(2);
}

const VERDICTS = { right: "right", alone: "no label", missed: "missed", found: "found" };

function described(item) {
  const parts = [`${item.half} – ${clock(item.ms)}  ${DATA.classes[item.type][0]}`];
  if (item.label) parts.push(`label, ${VERDICTS[item.verdict]}` + (item.visible ? "" : ", not shown"));
  else parts.push(`${desk.game.measure} ${worded(item.value)}`);
  if (!item.label && item.confidence !== null) parts.push(`confidence ${item.confidence.toFixed(3)}`);
  if (!item.label && desk.game.scored) parts.push(VERDICTS[item.verdict]);
  return parts.join(", ");
}

function fillClasses() {
  const before = pick.type.value, counts = new Map();
  for (const { type } of desk.items) counts.set(type, (counts.get(type) || 0) + 1);
  pick.type.textContent = "";
  html("option", pick.type, `all (${desk.items.length})`).value = "";
  DATA.classes.forEach(([name], type) => {
    if (counts.has(type)) html("option", pick.type, `${name} (${counts.get(type)})`).value = type;
  });
  pick.type.value = counts.has(Number(before)) ? before : "";
}

/* Arrow keys, Home, End and the pages walk through `items`; Enter and the space bar jump. */
function walk(event, items, page) {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const at = items.indexOf(desk.selected), last = items.length - 1;
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: page, PageUp: -page };
  if ((event.key === "Enter" || event.key === " ") && at >= 0) desk.jump(items[at]);
  else if (event.key === "Home" && last >= 0) desk.select(items[0]);
  else if (event.key === "End" && last >= 0) desk.select(items[last]);
  else if (event.key in steps && last >= 0)
    desk.select(items[at < 0 ? nextOf(items) : Math.min(last, Math.max(0, at + steps[event.key]))]);
  else return false;
  event.preventDefault();
  return true;
}

/* Where the keys begin when nothing of `items` is chosen: at what is chosen in another half, or at the first. */
function nextOf(items) {
  if (!desk.selected) return 0;
  const { half, ms } = desk.selected;
  const i = items.findIndex((item) => item.half > half || (item.half === half && item.ms >= ms));
  return i < 0 ? items.length - 1 : i;
}
