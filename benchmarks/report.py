"""How soon the report of a match is painted and answers, in a real browser.

    python benchmarks/report.py
    python benchmarks/report.py --shots shots

Three reports are written, of made-up spots: one match of a minute, one of 90 minutes with 3,000
spots, and 20 matches with their scores. Each is opened some times in the Chromium of the machine,
1280 and 390 pixels wide; the median counts. "painted" is the browser's own first contentful paint,
"work" the processor time of its main thread until the page stands (which other programs do not
lengthen), "zoomed" the time that drawing half 1 at twice the scale takes, "filtered" that of
choosing one class. ``--shots`` keeps pictures of the pages. Needs playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.cli import command
from action_spotting.dataset.events import Events
from action_spotting.errors import UsageError
from action_spotting.evaluation.evaluate import score_set
from action_spotting.evaluation.game_set import GameSet
from action_spotting.evaluation.report import games_of, write_report
from action_spotting.evaluation.report_game import Game
from action_spotting.io.tables import table

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMED = """([script]) => {
  const began = performance.now();
  (new Function(script))();
  document.body.offsetHeight;
  return performance.now() - began;
}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = command.parser(str(__doc__), "python benchmarks/report.py --repeats 5")
    parser.add_argument("--repeats", type=int, default=5, help="times that each page is opened")
    parser.add_argument("--shots", type=Path, metavar="DIR", help="keep pictures of the pages here")
    args = parser.parse_args(argv)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UsageError(f"no browser here: {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as name:
        pages = reports(Path(name))
        rows = measure(browser, pages, args.repeats, args.shots)
    print(
        table(["report", "pixels", "kB", "painted ms", "work ms", "zoomed ms", "filtered ms"], rows)
    )
    return 0


def reports(folder: Path) -> dict[str, Path]:
    """Write the three reports."""
    rng = np.random.default_rng(0)
    minute, whole = _spots(rng, 40, 0.5), _spots(rng, 3000, 47)
    name = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea {} - 1 Burnley"
    games = {
        "1 match of a minute": Game(name.format(1), minute, probability=minute.confidence),
        "1 match, 3,000 spots": Game(name.format(2), whole, probability=whole.confidence),
    }
    paths = {what: folder / f"{i}.html" for i, what in enumerate([*games, "20 matches"])}
    for what, game in games.items():
        write_report(paths[what], [game])
    labels = [_spots(rng, 80, 47) for _ in range(20)]
    found = [Events.concat([one, _spots(rng, 120, 47)]) for one in labels]
    names = tuple(name.format(i) for i in range(20))
    evaluation = score_set(GameSet(names, tuple(labels), tuple(found), listed=20))
    path = paths["20 matches"]
    write_report(path, games_of(evaluation, report=path, root=folder), evaluation)
    return paths


def _spots(rng: np.random.Generator, n: int, minutes: float) -> Events:
    """Spots spread over two halves, their classes as frequent as in SoccerNet, about."""
    often = np.array([1, 10, 7, 20, 10, 18, 17, 60, 100, 100, 40, 20, 15, 40, 8, 1, 1])
    times, labels = (
        rng.integers(0, int(60_000 * minutes), n),
        rng.choice(17, n, p=often / often.sum()),
    )
    return Events(rng.integers(1, 3, n), times, labels, rng.random(n).round(3)).sorted()


def measure(
    browser: str, pages: dict[str, Path], repeats: int, shots: Path | None
) -> list[list[object]]:
    """Open each page at both widths."""
    from playwright.sync_api import sync_playwright

    rows: list[list[object]] = []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for what, path in pages.items():
            for width, height in ((1280, 900), (390, 844)):
                context = chromium.new_context(
                    viewport={"width": width, "height": height}, bypass_csp=True
                )
                times = [_visit(context, path) for _ in range(repeats)]
                if shots:
                    page = context.new_page()
                    page.goto(path.as_uri())
                    page.screenshot(path=shots / f"{path.stem}_{width}.png", full_page=True)
                context.close()
                medians = [
                    f"{statistics.median(column):.0f}" for column in zip(*times, strict=True)
                ]
                rows.append([what, width, path.stat().st_size // 1000, *medians])
        chromium.close()
    return rows


def _visit(context, path: Path) -> tuple[float, float, float, float]:
    """First paint, work until then, zoom and filter, in milliseconds."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    metrics = session.send("Performance.getMetrics")["metrics"]
    work = next(1000 * metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    zoomed = page.evaluate(TIMED, ["document.querySelector('.tools button:nth-child(2)').click()"])
    filtered = page.evaluate(TIMED, ["pick.type.value = 9; desk.filter()"])
    page.close()
    return painted, work, zoomed, filtered


if __name__ == "__main__":
    command.run(main)
