/* One player for a whole match: it changes the file where the halves lie in several. */
const LEAD_S = 2;

desk.views.push((() => {
  const figure = byId("player"), video = figure.querySelector("video"), line = figure.querySelector("figcaption");
  let half = 0;

  function load(number) {
    const { video: file } = desk.game.halves[number - 1];
    half = number;
    if (!file) return false;
    if (video.getAttribute("src") !== file) video.src = file;
    return true;
  }

  /* The half that a time of the file belongs to: halves may share a file. */
  function place(seconds) {
    const { video: file } = desk.game.halves[half - 1];
    desk.game.halves.forEach((other, i) => {
      if (other.video === file && seconds >= other.start) half = i + 1;
    });
    if (seconds < desk.game.halves[half - 1].start)
      half = desk.game.halves.findIndex((other) => other.video === file) + 1;
    return Math.max(0, 1000 * (seconds - desk.game.halves[half - 1].start));
  }

  video.addEventListener("timeupdate", () => {
    if (!half) return;
    const ms = place(video.currentTime);
    line.textContent = `half ${half}, ${clock(ms)}`;
    desk.tell("time", half, ms);
  });
  video.addEventListener("error", () => {
    if (!video.getAttribute("src")) return;
    line.textContent = "This browser cannot play " + decodeURI(video.getAttribute("src")) + "; its name and time stand in the list.";
  });
  return {
    open() {
      const first = desk.game.halves.findIndex((one) => one.video) + 1;
      figure.hidden = !first;
      byId("desk").classList.toggle("bare", !first);
      video.removeAttribute("src");
      line.textContent = "";
      half = 0;
      if (first) load(first);
      else video.load();
    },
    jump(item) {
      if (!load(item.half)) return;
      video.currentTime = Math.max(0, desk.game.halves[item.half - 1].start + item.ms / 1000 - LEAD_S);
      video.play().catch(() => {});
    },
  };
})());
