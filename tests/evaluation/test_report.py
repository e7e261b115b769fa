"""The HTML report and the figures: whole, self-contained, safe, the same each time."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from action_spotting.dataset.events import Annotations, Spots
from action_spotting.errors import InputError
from action_spotting.evaluation.charts import calibration_chart
from action_spotting.evaluation.diagnosis import calibrate, diagnose
from action_spotting.evaluation.figures import save_figures
from action_spotting.evaluation.report import Match, write_report
from action_spotting.evaluation.scoring import score

PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """Counts what a page opens and what it never closes, and keeps its links."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


@pytest.fixture(scope="module")
def matches(random_games):
    pairs = zip(*random_games(5, games=3, labels=30, spots=120), strict=True)
    return [Match(f"league/season/game {i}", s, a) for i, (a, s) in enumerate(pairs)]


def spots(*confidence):
    n = len(confidence)
    return Spots(np.ones(n, int), 1000 * np.arange(n), np.zeros(n, int), np.array(confidence))


def test_a_report_is_whole_and_loads_nothing(tmp_path, matches):
    write_report(tmp_path / "r.html", matches, title="A & <B>", notes=["first", "second"])
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.links == ["data:,"]
    assert "A &amp; &lt;B&gt;" in text
    assert text.count('class="note"') == 2
    assert page.tags.count("figure") == 17
    data = data_of(text)
    assert [len(half["labels"]) for m in data["matches"] for half in m["halves"]]
    assert len(data["matches"]) == 3


def test_the_same_matches_give_the_same_bytes(tmp_path, matches):
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, matches)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_own_video_without_labels(tmp_path):
    match = Match(
        "</script><b>",
        spots(0.9, 0.2),
        videos={1: "a dir/clip #1.mp4"},
        starts_s={1: 62.5},
        pictures=[(1, PNG)],
    )
    write_report(tmp_path / "r.html", [match])
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "</script><b>" not in text
    assert "average-mAP" not in text
    assert page.tags.count("img") == 1
    half = data_of(text)["matches"][0]["halves"][0]
    assert (half["video"], half["start"]) == ("a%20dir/clip%20%231.mp4", 62.5)
    assert half["spots"] == [[0, 0, 0.9, 1], [1000, 0, 0.2, 1]]


def test_a_match_without_any_spot(tmp_path):
    write_report(tmp_path / "r.html", [Match("empty", spots())])
    assert "nothing was spotted" in (tmp_path / "r.html").read_text()


def test_labels_and_bare_matches_may_be_mixed(tmp_path, matches):
    write_report(tmp_path / "r.html", [Match("bare", spots(0.5)), *matches[:2]])
    text = (tmp_path / "r.html").read_text()
    assert "3 matches, 2 with labels" in text
    assert [m["scored"] for m in data_of(text)["matches"]] == [False, True, True]
    assert set(re.findall(r'data-match="(\d)"', text)) == {"1", "2"}


def test_the_loudest_of_very_many_spots_are_drawn(tmp_path):
    many = spots(*np.linspace(0, 1, 1500))
    write_report(tmp_path / "r.html", [Match("dense", many)])
    text = (tmp_path / "r.html").read_text()
    drawn = data_of(text)["matches"][0]["halves"][0]["spots"]
    assert len(drawn) == 1000
    assert min(row[2] for row in drawn) >= 0.333
    assert "the 1000 most confident spots are drawn; 500 more" in text
    assert "The 200 most confident; 1300 more" in text


def test_version_1_report(tmp_path, random_games):
    annotations, found = random_games(1, games=1, labels=20, spots=20, classes=3)
    match = Match("one", found[0], annotations[0])
    write_report(tmp_path / "r.html", [match], classes=("card", "subs", "soccer"))
    assert "not shown 2" not in (tmp_path / "r.html").read_text()


def test_a_thumbnail_must_be_a_picture(tmp_path):
    with pytest.raises(InputError, match="neither PNG nor JPEG"):
        write_report(tmp_path / "r.html", [Match("m", spots(0.5), pictures=[(0, b"<svg>")])])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_figures_are_written_the_same_each_time(tmp_path, matches):
    results = score([m.annotations for m in matches], [m.spots for m in matches])
    first, second = (save_figures(results, tmp_path / name) for name in "ab")
    assert [path.name for path in first] == [
        f"{name}.{suffix}"
        for name in ("precision_recall", "tolerance_loose", "tolerance_tight")
        for suffix in ("png", "svg")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 1000


def test_diagnosis_adds_up(matches):
    annotations, found = [m.annotations for m in matches], [m.spots for m in matches]
    thresholds = np.full(17, 0.4)
    d = diagnose(annotations, found, thresholds)
    assert d.confusion.sum(axis=1)[:17].sum() == len(d.labels.half)
    assert np.trace(d.confusion) == d.label_found.sum() == len(d.labels.half) - len(d.misses)
    believed = (d.spots.value >= 0.4).sum()
    weak_hits = (d.spot_hit & (d.spots.value < 0.4)).sum()
    assert (
        d.confusion[:, :17].sum() == believed == d.spot_hit.sum() - weak_hits + len(d.false_alarms)
    )
    loud = d.spots.value[d.false_alarms]
    assert (np.diff(loud) <= 0).all()
    assert d.calibration.spots.sum() == len(d.spots.half)


def test_diagnosis_names_what_was_taken_for_what():
    one = np.ones(2, int)
    truth = Annotations(one, np.array([10_000, 50_000]), np.array([2, 5]), np.array([True, False]))
    seen = Spots(one, np.array([11_000, 90_000]), np.array([13, 5]), np.array([0.9, 0.8]))
    d = diagnose([truth], [seen], np.full(17, 0.5))
    assert d.confusion[2, 13] == d.confusion[5, 17] == d.confusion[17, 5] == 1
    assert d.labels.label[d.misses].tolist() == [2, 5]
    assert d.spots.label[d.label_spot[d.misses[0]]] == 13
    assert d.spots.label[d.false_alarms].tolist() == [13, 5]


def test_calibration_of_honest_confidences_is_small():
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    assert calibrate(confidence, rng.random(20_000) < confidence).error < 0.02
    assert calibrate(confidence, np.zeros(20_000, bool)).error == pytest.approx(0.5, abs=0.01)
    assert "<svg" in calibration_chart(calibrate(np.empty(0), np.empty(0, bool)))
