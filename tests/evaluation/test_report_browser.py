"""The report in a real browser: what a person clicks, types and sees."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from action_spotting.dataset.events import Events
from action_spotting.evaluation.evaluate import score_set
from action_spotting.evaluation.game_set import GameSet
from action_spotting.evaluation.report import games_of, write_report
from action_spotting.evaluation.report_game import Game

playwright = pytest.importorskip("playwright.sync_api")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]
ROW, KICK_OFF, GOAL, CORNER = ".row", 1, 2, 13
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a report; the test fails when its console or its script says anything is wrong."""
    said, pages = [], []

    def open_page(path, width=1280, height=900):
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (32, 18)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def match(tmp_path_factory, tone_video):
    """A match in two files: five spots, four of them in the first half."""
    folder = tmp_path_factory.mktemp("match")
    for name in ("1.mkv", "2 #.mkv"):
        shutil.copy(tone_video, folder / name)
    spots = Events(
        [1, 1, 1, 1, 2],
        [0, 61_000, 62_000, 1_500_000, 1500],
        [KICK_OFF, GOAL, CORNER, GOAL, GOAL],
        [0.9, 0.8, 0.7, 0.6, 0.5],
    )
    game = Game(
        "The final",
        spots,
        videos={1: "1.mkv", 2: "2 #.mkv"},
        lengths_s={1: 2700, 2: 2700},
        probability=np.array([0.95, 0.7, 0.2, 0.6, 0.4]),
        pictures=[(0, picture()), (4, picture())],
        files={"spots.csv": "spots.csv"},
    )
    write_report(folder / "report.html", [game])
    return folder / "report.html"


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A match with 3,000 spots, without a video."""
    rng = np.random.default_rng(0)
    columns = rng.integers(1, 3, 3000), rng.integers(0, 2_700_000, 3000), rng.integers(0, 17, 3000)
    path = tmp_path_factory.mktemp("dense") / "report.html"
    write_report(path, [Game("dense", Events(*columns, rng.random(3000)).sorted())])
    return path


def until(page, expression, timeout_s=10):
    """Wait until an expression holds; `page.wait_for_function` would need the page's own eval."""
    ends = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < ends, expression
        page.wait_for_timeout(20)


def rows(page):
    return [" ".join(text.split()) for text in page.locator(ROW).all_inner_texts()]


def chosen(page):
    return " ".join(page.locator("#chosen").inner_text().split())


def test_a_click_in_the_list_moves_the_one_player(match, visit):
    page = visit(match)
    assert rows(page)[:2] == ["1 – 00:00 Kick-off 95 %", "1 – 01:01 Goal 70 %"]
    page.locator(ROW).last.click()
    until(page, "document.querySelector('video').currentTime > 0")
    assert page.locator("video").count() == 1
    assert page.locator("video").get_attribute("src") == "2%20%23.mkv"
    assert chosen(page) == "2 – 00:01 Goal, probability 40 %, confidence 0.500"
    until(page, "document.querySelector('figcaption').textContent.startsWith('half 2')")
    page.locator(ROW).first.click()
    assert page.locator("video").get_attribute("src") == "1.mkv"


def test_list_timeline_and_pictures_follow_the_filters(match, visit):
    page = visit(match)
    assert page.locator(".spot").count() == 5
    page.select_option("#class", label="Goal (3)")
    assert [row.split()[3] for row in rows(page)] == ["Goal"] * 3
    assert page.locator(".spot").count() == 3
    assert page.locator(".pictures li:visible").count() == 1
    page.locator("#least").fill("0.5")
    assert page.locator("#from").inner_text() == "50 %"
    assert rows(page) == ["1 – 01:01 Goal 70 %", "1 – 25:00 Goal 60 %"]
    assert page.locator("#count").inner_text() == "2 spots"
    page.locator("#least").fill("0.99")
    assert page.locator(ROW).count() == page.locator(".spot").count() == 0


def test_keys_walk_through_list_and_bars(match, visit):
    page = visit(match)
    page.locator("#list").focus()
    for key, expected in (("ArrowDown", "Kick-off"), ("ArrowDown", "Goal"), ("End", "2 – 00:01")):
        page.keyboard.press(key)
        assert expected in chosen(page)
        assert page.locator(".row.on").get_attribute("aria-selected") == "true"
    page.locator(".half svg").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert chosen(page).startswith("1 – 01:01 Goal")
    assert page.locator(".spot.on").count() == 1
    page.keyboard.press("Enter")
    until(page, "document.querySelector('video').getAttribute('src') === '1.mkv'")


def test_a_crowded_half_is_zoomed_and_panned(dense, visit):
    page = visit(dense)
    lane, bars = page.locator(".lane").first, page.locator(".half").first.locator(".spot")
    before = bars.count()
    page.get_by_label("zoom in, half 1").click(click_count=1)
    width = lane.evaluate("node => node.scrollWidth / node.clientWidth")
    assert width == pytest.approx(2, abs=0.01)
    page.locator(".half svg").first.focus()
    for _ in range(4):
        page.keyboard.press("+")
    assert bars.count() < before / 8
    box = lane.bounding_box()
    left = lane.evaluate("node => node.scrollLeft")
    page.mouse.move(box["x"] + 600, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 50, steps=4)
    page.mouse.up()
    assert lane.evaluate("node => node.scrollLeft") == pytest.approx(left + 300, abs=2)
    assert chosen(page) == ""  # a drag is no click
    page.get_by_label("whole half, half 1").click()
    assert bars.count() == before


def test_the_wheel_zooms_around_the_pointer_with_ctrl_only(dense, visit):
    page = visit(dense)
    lane = page.locator(".lane").first
    box = lane.bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 50)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    until(page, "document.querySelector('.track').style.width === '125%'")
    assert page.evaluate("window.scrollY") == 0


def test_only_the_rows_in_sight_are_in_the_page(dense, visit):
    page = visit(dense)
    assert page.locator("#count").inner_text() == "3000 spots"
    assert page.locator(ROW).count() < 40
    page.locator("#list").focus()
    page.keyboard.press("End")
    until(page, "document.querySelector('.row.on') !== null")
    assert page.locator(".row.on").get_attribute("aria-posinset") == "3000"
    assert page.locator(ROW).count() < 40


def test_a_click_on_a_bar_chooses_its_row(dense, visit):
    page = visit(dense)
    for _ in range(7):
        page.get_by_label("zoom in, half 1").click()
    page.wait_for_timeout(100)  # the browser tells of the scrolling with its next picture
    x, y, width, height = page.evaluate(
        "Object.values(document.querySelectorAll('.spot')[3].getBoundingClientRect().toJSON())"
    )[:4]
    page.mouse.click(x + width / 2, y + height / 2)
    assert " ".join(page.locator(".row.on .what").inner_text().split()) in chosen(page)
    assert "confidence" in chosen(page)


def test_misses_lead_to_their_game(tmp_path, random_games, visit):
    labels, found = random_games(5, games=3, labels=30, spots=120)
    names = tuple(f"l/s/2015-02-2{i} - 18-00 Home {i} - 0 Away" for i in range(3))
    evaluation = score_set(GameSet(names, labels, found))
    path = tmp_path / "r.html"
    write_report(path, games_of(evaluation, report=path, root=tmp_path), evaluation)
    page = visit(path)
    assert page.locator("#match").inner_text() == "Home 0 – 0 Away"
    button = page.locator("button[data-game='2']").first
    button.click()
    assert page.locator("#match").inner_text() == "Home 2 – 0 Away"
    assert chosen(page).split(",")[0].endswith(button.get_attribute("data-class"))
    page.locator("#least").fill("1")
    assert page.locator(".mark").count() == 30  # labels have no confidence
    page.select_option("#verdict", "missed")
    assert {row.split(" ", 3)[3].endswith("missed") for row in rows(page)} == {True}


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_out_of_the_page(match, dense, visit, width):
    for path in (match, dense):
        page = visit(path, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(
    "name", ["</script><img src=x onerror=alert(1)>", "'\"&\u2028\u2029", "m\udcff"]
)
def test_names_are_text(tmp_path, visit, name):
    spots = Events([1, 1], [0, 5000], [0, 1], [0.9, 0.8], classes=(name, "b"))
    games = [Game(name, spots, pictures=[(0, picture())]), Game("other", spots)]
    write_report(tmp_path / "r.html", games, title=name, notes=[name])
    page = visit(tmp_path / "r.html")
    page.locator(ROW).first.click()
    assert page.locator("img").count() == 1
    if name.isprintable():
        assert page.locator(".row .what").first.inner_text() == name
        assert page.locator("#match").inner_text() == name


def test_a_game_without_any_spot(tmp_path, visit):
    none = np.empty(0)
    write_report(tmp_path / "r.html", [Game("empty", Events(none, none, none, none))])
    page = visit(tmp_path / "r.html")
    assert page.locator("#count").inner_text() == "nothing was spotted"
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    assert chosen(page) == ""


def test_a_video_that_the_browser_cannot_play_is_named(tmp_path, visit):
    (tmp_path / "no.avi").write_bytes(b"nothing")
    game = Game("m", Events([1], [0], [0], [0.9]), videos={1: "no.avi"})
    write_report(tmp_path / "r.html", [game])
    page = visit(tmp_path / "r.html")
    until(page, "document.querySelector('figcaption').textContent.includes('cannot play no.avi')")
