/* The list of spots and missed labels: only the rows in sight are in the page, however many there are. */
const ROW = 34, SPARE = 6;

desk.views.push((() => {
  const box = byId("list"), inner = html("div", box, "", "rows"), count = byId("count");
  let rows = [];

  function rowOf(item, i) {
    const row = html("div", inner, "", "row" + (item === desk.selected ? " on" : ""));
    row.id = "row" + i;
    row.dataset.i = i;
    row.style.top = i * ROW + "px";
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", item === desk.selected);
    row.setAttribute("aria-setsize", rows.length);
    row.setAttribute("aria-posinset", i + 1);
    html("span", row, `${item.half} – ${clock(item.ms)}`, "time");
    html("i", html("span", row, "", "what"), "", `dot g${item.group}${item.label ? " ring" : ""}`)
      .after(DATA.classes[item.type][0]);
    html("span", row, item.label ? "" : worded(item.value), "n");
    if (desk.game.scored) html("span", row, VERDICTS[item.verdict], "quiet verdict");
  }

  function draw(from = box.scrollTop, height = box.clientHeight) {
    const first = Math.max(0, Math.floor(from / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((from + height) / ROW) + SPARE);
    inner.textContent = "";
    for (let i = first; i < last; i++) rowOf(rows[i], i);
    const at = rows.indexOf(desk.selected);
    if (at >= first && at < last) box.setAttribute("aria-activedescendant", "row" + at);
    else box.removeAttribute("aria-activedescendant");
  }

  function reveal(item) {
    const top = rows.indexOf(item) * ROW;
    if (top < 0) return;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  }

  box.addEventListener("scroll", () => draw());
  box.addEventListener("keydown", (event) => walk(event, rows, Math.floor(box.clientHeight / ROW)));
  box.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) desk.jump(rows[Number(row.dataset.i)]);
  });
  window.addEventListener("beforeprint", () => draw(0, inner.clientHeight));
  window.addEventListener("resize", () => draw());
  return {
    filter() {
      const spots = desk.shown.filter((item) => !item.label).length, labels = desk.shown.length - spots;
      rows = desk.shown.filter((item) => item.verdict !== "found");
      count.textContent = desk.items.length
        ? `${spots} spots` + (desk.game.scored ? `, ${labels} labels` : "") : "nothing was spotted";
      inner.style.height = rows.length * ROW + "px";
      box.scrollTop = 0;
      draw();
    },
    select(item) {
      reveal(item);
      draw();
    },
  };
})());
