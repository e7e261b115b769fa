"""The HTML report and the figures: whole, self-contained, safe, the same each time."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from action_spotting.dataset.events import Events
from action_spotting.errors import InputError
from action_spotting.evaluation.diagnosis import calibrate, diagnose
from action_spotting.evaluation.evaluate import score_set
from action_spotting.evaluation.figures import calibration_curve, save_figures, to_svg
from action_spotting.evaluation.game_set import GameSet
from action_spotting.evaluation.report import games_of, write_report
from action_spotting.evaluation.report_game import Game

SVG = "{http://www.w3.org/2000/svg}"
PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """Counts what a page opens and what it never closes, and keeps its links."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags, self.attributes = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def game_set(labels, spots):
    return GameSet(tuple(f"league/season/game {i}" for i in range(len(labels))), labels, spots)


@pytest.fixture(scope="module")
def evaluation(random_games):
    return score_set(game_set(*random_games(5, games=3, labels=30, spots=120)))


def write(path, evaluation, **options):
    games = games_of(evaluation, report=path, root=path.parent)
    write_report(path, games, evaluation, **options)
    return path.read_text(encoding="utf-8")


def spots(*confidence):
    n = len(confidence)
    return Events(np.ones(n, int), 1000 * np.arange(n), np.zeros(n, int), np.array(confidence))


def test_a_report_is_whole_loads_nothing_and_repeats(tmp_path, evaluation):
    options = {"title": "A & <B>", "notes": ["first", "second"]}
    text, again = (write(tmp_path / f"{n}.html", evaluation, **options) for n in "ab")
    assert text == again
    page = Page(text)
    assert page.open == []
    assert page.links[0] == "data:,"
    pictures = [ET.fromstring(base64.b64decode(link.split(",")[1])) for link in page.links[1:]]
    assert len(pictures) == 3
    assert "Yellow->red card" in [text.text for text in pictures[0].iter(f"{SVG}text")]
    assert "A &amp; &lt;B&gt;" in text
    assert text.count('class="note"') == 2
    data = data_of(text)
    assert [len(game["halves"]) for game in data["games"]] == [2, 2, 2]
    shown = sum(len(half["labels"]) for game in data["games"] for half in game["halves"])
    assert shown == sum(map(len, evaluation.games.labels))
    assert set(re.findall(r'data-game="(\d)"', text)) <= set("012")


def test_class_names_are_text_wherever_they_stand(tmp_path, random_games):
    """In the page, and in its pictures, which are no part of the page at that."""
    names = ('x" onload="alert(1)', "</script><b>", "a$b$\\frac{")
    labels, found = random_games(1, games=1, labels=20, spots=20, classes=3)
    sides = ([replace(one, classes=names) for one in side] for side in (labels, found))
    text = write(tmp_path / "r.html", score_set(game_set(*sides)))
    page = Page(text)
    assert page.open == []
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "b" not in page.tags
    picture = ET.fromstring(base64.b64decode(page.links[1].split(",")[1]))
    assert set(names) <= {text.text for text in picture.iter(f"{SVG}text")}
    assert "not shown 2" not in text


def test_own_video_without_labels(tmp_path):
    game = Game(
        "</script><b>",
        spots(0.9, 0.2),
        videos={1: "a dir/clip #1.mp4"},
        starts_s={1: 62.5},
        pictures=[(1, PNG)],
    )
    write_report(tmp_path / "r.html", [game])
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "</script><b>" not in text
    assert "average-mAP" not in text
    assert page.tags.count("img") == 1
    half = data_of(text)["games"][0]["halves"][0]
    assert (half["video"], half["start"]) == ("a%20dir/clip%20%231.mp4", 62.5)
    assert half["spots"] == [[0, 0, 0.9, 1], [1000, 0, 0.2, 1]]


def test_the_policy_knows_style_and_script_by_their_hash(tmp_path, evaluation):
    """So nothing that a name smuggles in would run, were it not escaped."""
    text = write(tmp_path / "r.html", evaluation)
    assert "unsafe-inline" not in text
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        inner = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in html.unescape(text)
    assert not [name for name in Page(text).attributes if name == "style" or name[:2] == "on"]


def test_a_probability_is_never_called_a_confidence(tmp_path):
    known = Game("known", spots(0.9, 0.2), probability=np.array([0.4, 0.1]), pictures=[(0, PNG)])
    write_report(tmp_path / "known.html", [known])
    write_report(tmp_path / "unknown.html", [replace(known, probability=None)])
    text, other = ((tmp_path / f"{name}.html").read_text() for name in ("known", "unknown"))
    (game,), (bare,) = (data_of(page)["games"] for page in (text, other))
    assert (game["measure"], bare["measure"]) == ("probability", "confidence")
    assert game["halves"][0]["spots"] == [[0, 0, 0.4, 1, 0.9], [1000, 0, 0.1, 1, 0.2]]
    assert bare["halves"][0]["spots"] == [[0, 0, 0.9, 1], [1000, 0, 0.2, 1]]
    assert "1 - 00:00 · 40 %" in text
    assert "1 - 00:00 · 0.90" in other
    assert "probable" not in other[other.index("<body>") : other.index("<script")]


def test_the_heading_names_teams_and_score(tmp_path):
    game = Game("epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley", spots(0.9))
    for title, heading in ((None, "Chelsea 1 – 1 Burnley"), ("Sunday's <match>", "Sunday")):
        write_report(tmp_path / "r.html", [game], title=title)
        text = (tmp_path / "r.html").read_text()
        assert f"<h1>{heading}" in text
        assert "2015-02-21 · epl 2014-2015" in text
    assert "Chelsea 1 – 1 Burnley · 2015-02-21" in text


def test_links_lead_to_the_files_beside_the_report(tmp_path):
    game = Game("m", spots(0.9), files={"spots <1>.csv": "a dir/spots #1.csv"})
    write_report(tmp_path / "r.html", [game])
    text = (tmp_path / "r.html").read_text()
    assert '<a href="a%20dir/spots%20%231.csv">spots &lt;1&gt;.csv</a>' in text


def test_the_score_is_first_that_of_the_classes_that_occur(tmp_path):
    labels = Events([1, 1], [10_000, 50_000], [2, 13])
    found = Events([1, 1], [10_000, 50_000], [2, 13], confidence=[0.9, 0.8])
    text = write(tmp_path / "r.html", score_set(game_set([labels], [found])))
    assert '<p class="big">100.0<span> %</span></p>' in text
    assert "over the 2 classes that occur" in text
    assert "Over all 17, absent ones as 0, as SoccerNet counts: 11.8" in text
    assert text.index('class="big"') < text.index('id="desk"') < text.index("<h2>Classes")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", os.fsdecode(b"m\xff.mkv"), "<i>\u2028"])
def test_a_report_takes_any_name(name, tmp_path):
    game = Game(name, spots(0.9), videos={1: name.replace("\ud800", "x")})
    write_report(tmp_path / "r.html", [game], title=name, notes=[name])
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert Page(text).open == []
    assert "\0" not in text
    (shown,) = data_of(text)["games"]
    assert shown["game"] == name
    video = os.fsdecode(unquote_to_bytes(shown["halves"][0]["video"]))
    assert video == name.replace("\ud800", "x")


def test_the_most_confident_of_very_many_spots_are_drawn(tmp_path):
    many = spots(*np.linspace(0, 1, 12_000))
    write_report(tmp_path / "r.html", [Game("dense", many)])
    text = (tmp_path / "r.html").read_text()
    drawn = data_of(text)["games"][0]["halves"][0]["spots"]
    assert len(drawn) == 10_000
    assert min(row[2] for row in drawn) >= 0.166
    assert "the 10000 most confident spots are here; 2000 more" in text


def test_a_thumbnail_must_be_a_picture(tmp_path):
    with pytest.raises(InputError, match="neither PNG nor JPEG"):
        write_report(tmp_path / "r.html", [Game("m", spots(0.5), pictures=[(0, b"<svg>")])])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_figures_are_written_the_same_each_time(tmp_path, evaluation):
    first, second = (save_figures(evaluation.results, tmp_path / name) for name in "ab")
    assert [path.name for path in first] == [
        f"{name}.{suffix}"
        for name in ("precision_recall", "tolerance_loose", "tolerance_tight")
        for suffix in ("png", "svg")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 1000


def test_diagnosis_adds_up(evaluation):
    d = diagnose(evaluation.games.labels, evaluation.games.spots, np.full(17, 0.4))
    assert d.confusion.sum(axis=1)[:17].sum() == len(d.axis.labels.half)
    assert np.trace(d.confusion) == d.label_found.sum() == len(d.axis.labels.half) - len(d.misses)
    believed = (d.axis.spots.confidence >= 0.4).sum()
    weak_hits = (d.spot_hit & (d.axis.spots.confidence < 0.4)).sum()
    assert (
        d.confusion[:, :17].sum()
        == believed
        == d.spot_hit.sum() - weak_hits + len(d.false_positives)
    )
    loud = d.axis.spots.confidence[d.false_positives]
    assert (np.diff(loud) <= 0).all()
    assert d.calibration.spots.sum() == len(d.axis.spots.half)


def test_diagnosis_names_what_was_taken_for_what():
    one = np.ones(2, int)
    shown = np.array([True, False])
    truth = Events(one, np.array([10_000, 50_000]), np.array([2, 5]), visible=shown)
    seen = Events(one, np.array([11_000, 90_000]), np.array([13, 5]), np.array([0.9, 0.8]))
    d = diagnose([truth], [seen], np.full(17, 0.5))
    assert d.confusion[2, 13] == d.confusion[5, 17] == d.confusion[17, 5] == 1
    assert d.axis.labels.label[d.misses].tolist() == [2, 5]
    assert d.axis.spots.label[d.label_spot[d.misses[0]]] == 13
    assert d.axis.spots.label[d.false_positives].tolist() == [13, 5]


def test_calibration_of_honest_confidences_is_small():
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    assert calibrate(confidence, rng.random(20_000) < confidence).error < 0.02
    assert calibrate(confidence, np.zeros(20_000, bool)).error == pytest.approx(0.5, abs=0.01)
    assert b"<svg" in to_svg(calibration_curve(calibrate(np.empty(0), np.empty(0, bool))))
