"""Equality with the scorer of the SoccerNet package, in every field, on generated sets."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SoccerNet.Evaluation import ActionSpotting as official

from action_spotting.dataset.classes import ACTIONS_V1, ACTIONS_V2
from action_spotting.dataset.events import game_time
from action_spotting.dataset.layout import LABEL_FILES
from action_spotting.evaluation.evaluate import score_folder
from action_spotting.evaluation.game_set import load_set
from action_spotting.evaluation.tally import METRICS

NAME = "results_spotting.json"
V1_LABELS = ("y-card", "r-card", "yr-card", "subs-in", "soccer-ball", "soccer-ball-own", "corner")
END_MS = 120 * 60 * 1000

# Few places close together, so that windows overlap; the start, and around the 120-minute clamp.
positions = st.one_of(
    st.integers(0, 40).map(lambda i: 400 * i),
    st.integers(600_000, 640_000),
    st.sampled_from([0, 1, 499, 500, END_MS - 501, END_MS - 1, END_MS, END_MS + 90_000]),
    st.sampled_from([-1, -37, -499, -500, -501, -2000, 500 - END_MS, -END_MS, -END_MS - 499]),
)
confidences = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, 1 / 199, 0.25, 0.25 - 1e-12]), st.floats(0, 1)
)


def classes_of(version: int) -> st.SearchStrategy[str]:
    if version == 1:
        return st.sampled_from(V1_LABELS)
    return st.sampled_from((*ACTIONS_V2[:3], "Corner", "Gaol"))


@st.composite
def label_entries(draw, version: int):
    half, position = draw(st.integers(1, 2)), draw(positions)
    entry = {"gameTime": game_time(half, position), "label": draw(classes_of(version))}
    if draw(st.integers(0, 4)):
        entry["position"] = draw(st.sampled_from([str, int]))(position)
    visibility = draw(st.sampled_from(["visible", "not shown", "not shown", None]))
    return entry | ({"visibility": visibility} if visibility else {})


@st.composite
def prediction_entries(draw, version: int):
    half, position, confidence = draw(st.integers(1, 2)), draw(positions), draw(confidences)
    text, number = draw(st.sampled_from([str, int])), draw(st.sampled_from([str, float]))
    labels = st.sampled_from(ACTIONS_V1) if version == 1 else classes_of(version)
    return {
        "gameTime": game_time(half, position),
        "label": draw(labels),
        "position": text(position),
        "half": draw(st.sampled_from([text(half), half, float(half), True, " 2 "])),
        "confidence": number(confidence),
    }


def sets(version: int):
    game = st.tuples(
        st.lists(label_entries(version), max_size=12),
        st.lists(prediction_entries(version), max_size=20),
    )
    return st.lists(game, min_size=1, max_size=3)


def assert_equal(labels: Path, predictions: Path, games, *, version: int, metric: str) -> None:
    with mock.patch.object(official, "getListGames", return_value=games):
        expected = official.evaluate(
            str(labels),
            str(predictions),
            prediction_file=NAME,
            label_files=LABEL_FILES[version],
            version=version,
            metric=metric,
        )
    result = score_folder(labels, predictions, split="all", version=version, metrics=[metric])
    assert set(result.results[metric].official()) == set(expected)
    for field, value in result.results[metric].official().items():
        if expected[field] is None:
            assert value is None, field
        else:
            np.testing.assert_allclose(value, expected[field], rtol=0, atol=1e-9, err_msg=field)


def check(write_set, games, version: int, metric: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels, predictions, names = write_set(Path(folder), games, version=version)
        assert_equal(labels, predictions, names, version=version, metric=metric)


@given(sets(1), st.sampled_from(list(METRICS)))
@settings(max_examples=5, deadline=None)
def test_version_1(write_set, games, metric):
    check(write_set, games, 1, metric)


@given(sets(2), st.sampled_from(["at1", "at2", "at3", "at4", "at5"]))
@settings(max_examples=5, deadline=None)
def test_version_2(write_set, games, metric):
    check(write_set, games, 2, metric)


@pytest.mark.slow
@given(st.data(), st.sampled_from([1, 2]), st.sampled_from(list(METRICS)))
@settings(max_examples=30, deadline=None)
def test_all_metrics(write_set, data, version, metric):
    check(write_set, data.draw(sets(version)), version, metric)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_crowded_games(write_set, zip_folder, tmp_path, random_games, metric):
    """Windows full of spots, from zips on both sides."""
    annotations, spots = random_games(0, games=4, labels=150, spots=1500, classes=17)
    games = [(_label_json(a), _spot_json(s)) for a, s in zip(annotations, spots, strict=True)]
    labels, predictions, names = write_set(tmp_path, games)
    labels, predictions = zip_folder(labels), zip_folder(predictions)
    assert_equal(labels, predictions, names, version=2, metric=metric)


def test_one_side_zipped(write_set, zip_folder, tmp_path, random_games):
    annotations, spots = random_games(1, games=2, labels=60, spots=300)
    games = [(_label_json(a), _spot_json(s)) for a, s in zip(annotations, spots, strict=True)]
    labels, predictions, names = write_set(tmp_path, games)
    assert_equal(zip_folder(labels), predictions, names, version=2, metric="at3")
    assert_equal(labels, zip_folder(predictions), names, version=2, metric="at3")


@pytest.mark.parametrize("metric", ["tight", "at5"])
def test_spots_just_before_the_half(write_set, tmp_path, metric):
    """Half a second or more before the start they are false positives at the 120th minute."""
    label = {"gameTime": "1 - 00:00", "label": "Goal", "position": "0", "visibility": "visible"}
    late = label | {"position": str(END_MS - 900)}
    spot = {"label": "Goal", "half": "1", "confidence": "0.7"}
    for positions in ([-37], [-37, -700], [-700], [-2000, 100, -1]):
        spots = [spot | {"position": str(ms), "confidence": 0.5 + ms / 1e4} for ms in positions]
        folder = tmp_path / str(positions)
        labels, predictions, names = write_set(
            folder, [([label, late], spots), ([label], [spot | {"position": 5}])]
        )
        assert_equal(labels, predictions, names, version=2, metric=metric)
        (finding,) = [
            f
            for f in load_set(labels, predictions, split="all").findings
            if "before the half" in f.message
        ]
        assert finding.severity == "warning"


def test_unshown_only(write_set, tmp_path):
    """No visible instance at all, and a false alarm in a half without labels."""
    label = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000"}
    spot = {"label": "Goal", "position": "60200", "half": "1", "confidence": "0.7"}
    games = [([label | {"visibility": "not shown"}], [spot, spot | {"half": "2"}])]
    labels, predictions, names = write_set(tmp_path, games)
    assert_equal(labels, predictions, names, version=2, metric="at5")


def _label_json(annotations):
    rows = zip(annotations.half, annotations.position_ms, annotations.label, strict=True)
    return [
        {
            "gameTime": game_time(half, position),
            "label": ACTIONS_V2[label],
            "position": str(position),
            "visibility": "visible" if visible else "not shown",
        }
        for (half, position, label), visible in zip(rows, annotations.visible, strict=True)
    ]


def _spot_json(spots):
    rows = zip(spots.half, spots.position_ms, spots.label, spots.confidence, strict=True)
    return [
        {
            "gameTime": game_time(half, position),
            "label": ACTIONS_V2[label],
            "position": str(position),
            "half": str(half),
            "confidence": str(confidence),
        }
        for half, position, label, confidence in rows
    ]
