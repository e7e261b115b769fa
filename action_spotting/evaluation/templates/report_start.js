/* What else follows the choice: the heading, the line about what is chosen, the pictures, the files. */
desk.views.push({
  open() {
    byId("match").textContent = desk.game.title;
    byId("about").textContent = desk.game.about;
    byId("measure").textContent = desk.game.measure;
  },
  filter() {
    byId("chosen").textContent = "";
    document.querySelectorAll(".pictures li").forEach((picture) => {
      picture.hidden = !itemAt(picture.querySelector("button").dataset, desk.shown);
    });
  },
  select(item) {
    byId("chosen").textContent = described(item);
  },
});

function itemAt({ half, ms, class: name }, items) {
  return items.find((item) => item.half === Number(half) && item.ms === Number(ms) && DATA.classes[item.type][0] === name);
}

/* Buttons elsewhere in the page that name an event: misses, false positives, pictures. */
function show({ dataset }) {
  if (Number(dataset.game) !== Number(pick.game.value)) desk.open(Number(dataset.game));
  if (!itemAt(dataset, desk.shown)) {
    pick.type.value = "";
    pick.least.value = 0;
    if (pick.verdict) pick.verdict.value = "";
    desk.filter();
  }
  byId("desk").scrollIntoView();
  const item = itemAt(dataset, desk.shown);
  if (item) desk.jump(item);
}

DATA.games.forEach((game, i) => { html("option", pick.game, game.option).value = i; });
pick.game.addEventListener("input", () => desk.open(Number(pick.game.value)));
for (const control of [pick.type, pick.least, pick.verdict])
  if (control) control.addEventListener("input", () => desk.filter());
document.querySelectorAll("button[data-game]").forEach((button) =>
  button.addEventListener("click", () => show(button)));
document.querySelectorAll("[data-share]").forEach((cell) =>
  cell.style.setProperty("--v", cell.dataset.share + "%"));
desk.open(0);
