"""Settings, presets, and the features a training finds."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from action_spotting.cli.train import build_parser
from action_spotting.dataset.events import game_time
from action_spotting.dataset.layout import labels_path
from action_spotting.dataset.rates import Rate
from action_spotting.dataset.records import record_path
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.half_data import open_features, read_rows
from action_spotting.fusion.settings import (
    PRESETS,
    HeadSettings,
    make_settings,
    numbers,
    read_settings,
)
from action_spotting.fusion.split_data import check_provenance, open_split

NAMES = ("Picture", "Sound")
GAMES = [f"league/season/train {i}" for i in range(3)]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("head", ["dense", "netvlad"])
def test_settings_survive_json(preset, head):
    settings = make_settings(preset, head=head, dilations=[1, 3], seed=5)
    content = json.loads(json.dumps(settings.as_dict()))
    assert content == settings.as_dict()
    assert read_settings(content, "model.json") == settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "smal"}, "did you mean 'small'"),
        ({"fusion": "scores"}, "did you mean 'score'"),
        ({"head": "netvald"}, "did you mean 'netvlad'"),
        ({"epochs": 0}, "epochs is 0, expected 1 or more"),
        ({"dropout": 1.5}, "dropout is 1.5, expected 0 or more, less than 1"),
        ({"feature_dropout": 1.0}, "feature_dropout is 1.0, expected 0 or more, less than 1"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0, expected 0 or more"),
        ({"fps": 0.0}, "fps is 0.0, expected 0.01 or more"),
        ({"dilations": (0,)}, "dilations .* expected whole numbers of 1 or more"),
        ({"modalities": ()}, "modalities: name one at least"),
        ({"modalities": ("A", "A")}, "'A' is named twice"),
    ],
)
def test_wrong_settings_are_named(given, message):
    with pytest.raises(UsageError, match=message):
        make_settings(**given)


OLDER = {"anchored": 0.25, "centre": False, "window_s": 3.0, "score_map": False}
NEWER = ("event_fraction", "subtract_half_mean", "nms_window_s", "spread_confidences")


def test_older_names_are_understood_and_are_those_in_the_file():
    made = make_settings("small", **OLDER)
    assert made == make_settings("small", **dict(zip(NEWER, OLDER.values(), strict=True)))
    assert OLDER.items() <= made.as_dict().items()
    assert not set(NEWER) & set(made.as_dict())


def test_the_command_takes_older_and_newer_names():
    where = ["--soccernet_dirpath", "data", "--model_dir", "model"]
    numbers = ["--anchored", "0.25", "--no-centre", "--window_s", "3", "--no-score_map"]
    newer = ["--event_fraction", "0.25", "--no-subtract_half_mean", "--nms_window_s", "3"]
    newer += ["--no-spread_confidences"]
    parse = build_parser().parse_args
    found = parse([*where, *numbers])
    assert [getattr(found, name) for name in NEWER] == list(OLDER.values())
    assert found == parse([*where, *newer])


def test_the_manual_of_the_settings_names_every_number_with_its_range():
    manual = HeadSettings.__doc__
    assert all(f"{number.name} ({number.type}: " in manual for number in numbers())
    assert "dropout (float: 0 or more, less than 1): share of channels hidden" in manual


def test_a_file_with_strange_settings_is_refused():
    content = make_settings().as_dict()
    fewer = {name: value for name, value in content.items() if name != "epochs"}
    for wrong, message in (
        ({**content, "colour": 1}, r"model\.json: Object contains unknown field `colour`"),
        (fewer, r"model\.json: Object missing required field `epochs`"),
        ({**content, "width": "wide"}, r"Expected `int`, got `str` - at `\$\.width`"),
        ({**content, "anchored": True}, r"Expected `float`, got `bool` - at `\$\.anchored`"),
        ({**content, "dilations": [1, None]}, r"got `null` - at `\$\.dilations\[1\]`"),
        ([1], "Expected `object`, got `array`"),
    ):
        with pytest.raises(InputError, match=message):
            read_settings(wrong, "model.json")
    for wrong, message in (
        ({"label_version": 7}, "label_version is 7, expected 1 or 2"),
        ({"fps": 1e-300}, "fps is 1e-300, expected 0.01 or more"),
        ({"modalities": ["x" * 300]}, "are not all names"),
        ({"window_s": -5}, "nms_window_s is -5.0, expected 0 or more"),
    ):
        with pytest.raises(UsageError, match=message):
            read_settings({**content, **wrong}, "model.json")


def test_every_number_has_a_group_and_a_help_text():
    assert all(n.metadata["group"] and n.metadata["help"] for n in numbers())
    assert len({n.name for n in numbers()}) == len(numbers())


def test_a_modality_that_is_nowhere_is_answered_with_the_nearest(matches, classes):
    with pytest.raises(UsageError, match="unknown modality 'Pictures'; did you mean 'Picture'"):
        open_split(matches, GAMES, ("Pictures",), classes=classes)


def test_a_modality_that_a_half_lacks_is_no_error(matches, classes):
    (matches / GAMES[1] / "2_Sound.npy").unlink()
    found = open_split(matches, GAMES, NAMES, classes=classes)
    assert not found.failures
    assert [len(half.paths) for half in found.halves] == [2, 2, 2, 1, 2, 2]


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (
            lambda f: np.save(f / "1_Sound.npy", np.zeros((70, 6), "f4")),
            "has 70 rows, but .* has 98",
        ),
        (lambda f: (f / "Labels-v2.json").unlink(), "Labels-v2.json: cannot be read"),
        (lambda f: (f / "1_Sound.npy").write_bytes(b"\x93NUMPY"), "not a whole .npy file"),
    ],
)
def test_a_game_that_cannot_be_used_is_left_out_alone(matches, classes, breakage, message):
    breakage(matches / GAMES[2])
    found = open_split(matches, GAMES[1:], NAMES, classes=classes)
    assert list(found.failures) == [GAMES[2]]
    assert found.games == [GAMES[1]]
    assert re.search(message, found.failures[GAMES[2]])


def test_when_no_game_can_be_used_the_reasons_are_told(matches, classes):
    for game in GAMES:
        labels_path(matches, game).unlink()
    with pytest.raises(InputError, match=r"none of 3 games can be used: .*Labels-v2\.json"):
        open_split(matches, GAMES, NAMES, classes=classes)


def test_features_made_with_different_settings_are_refused(matches, classes):
    path = record_path(matches / GAMES[1] / "2_Sound.npy")
    record = json.loads(path.read_text())
    record["settings"]["weights"]["sha256"] = "xyz"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"weights\.sha256 is 'xyz', not 'abc'"):
        open_split(matches, GAMES, NAMES, classes=classes)


def test_files_of_another_width_are_refused(matches, classes):
    np.save(matches / GAMES[1] / "2_Sound.npy", np.zeros((94, 7), "f4"))
    with pytest.raises(InputError, match=r"2_Sound\.npy has 7 numbers a row, but .* has 6"):
        open_split(matches, GAMES, NAMES, classes=classes)


def test_a_feature_of_another_rate_is_resampled_where_it_stands(matches, classes):
    name = "baidu_soccer_embeddings"
    for game in GAMES:
        for half in (1, 2):
            path = matches / game / f"{half}_Picture.npy"
            rows = np.load(path)
            np.save(path.with_name(f"{half}_{name}.npy"), (rows[::2] + rows[1::2]) / 2)
    found = open_split(matches, GAMES, (name, "Sound"), classes=classes)
    assert found.rates == {name: Rate(1.0, 0.5)}
    assert not found.failures
    assert [half.rows for half in found.halves] == [90, 90, 94, 94, 98, 98]
    half = found.halves[0]
    rows = np.load(half.paths[name])
    chunk = read_rows(half, name, 10, 14)
    assert chunk == pytest.approx(
        np.stack([a * rows[4] + b * rows[5] + c * rows[6] + d * rows[7] for a, b, c, d in LINES]),
        abs=1e-6,
    )
    whole = open_features(half.paths, 2.0, found.rates)
    assert (whole[name][10:14] == chunk).all()
    assert len(whole[name]) == len(whole["Sound"]) == 90
    said = open_split(matches, GAMES, (name, "Sound"), classes=classes, rates={name: Rate(1, 1.0)})
    assert said.rates == {name: Rate(1, 1.0)}
    with pytest.raises(UsageError, match="--rate: unknown modality 'Sond'; did you mean 'Sound'"):
        open_split(matches, GAMES, ("Sound",), classes=classes, rates={"Sond": Rate(1, 1.0)})


LINES = ((0.25, 0.75, 0, 0), (0, 0.75, 0.25, 0), (0, 0.25, 0.75, 0), (0, 0, 0.75, 0.25))
"""Weights of rows 4 to 7 of a feature with a row a second in rows 10 to 13 of two a second."""


def test_a_model_refuses_features_with_another_provenance():
    with pytest.raises(UsageError, match="Sound: fps is 4, not 2"):
        check_provenance({"Sound": {"fps": 4}}, {"Sound": {"fps": 2}}, "game")
    check_provenance({"Sound": None}, {"Sound": {"fps": 2}}, "game")


def test_labels_of_version_1_are_folded(matches):
    entries = [
        {"gameTime": game_time(1, 5000), "label": name, "position": "5000"}
        for name in ("soccer-ball", "y-card", "substitution-in", "corner")
    ]
    for game in GAMES:
        labels_path(matches, game, 1).write_text(json.dumps({"annotations": entries}))
    found = open_split(matches, GAMES, NAMES, classes=("card", "subs", "soccer"), version=1)
    assert sorted(found.halves[0].label.tolist()) == [0, 1, 2]


def test_labels_behind_the_end_of_the_features_leave_the_game_out(matches, classes):
    path = matches / GAMES[1] / "1_Sound.npy"
    for name in NAMES:
        file = path.with_name(f"1_{name}.npy")
        np.save(file, np.load(file)[:60])
    found = open_split(matches, GAMES, NAMES, classes=classes)
    assert list(found.failures) == [GAMES[1]]
    assert re.search(
        r"1_Picture\.npy: \d of 5 labels of half 1 lie behind its end, the last at 3\d\.\d s; its "
        r"60 rows at 2 a second end at 30\.0 s\. Has it another rate \(--rate Picture=FPS\), is it "
        r"of another video, or of a file that was cut\?",
        found.failures[GAMES[1]],
    )
    half_as_many = dict.fromkeys(NAMES, Rate(4.0, 0.125))
    with pytest.raises(
        InputError,
        match=r"none of 3 games .* 90 rows at 4 a second end at 22\.5 s\. At 2 a second they would "
        r"end at 45\.0 s: is that its rate \(--rate Picture=2\)",
    ):
        open_split(matches, GAMES, NAMES, classes=classes, rates=half_as_many)


@pytest.mark.parametrize(("late_ms", "usable"), [(1000, True), (1001, False)])
def test_a_label_may_lie_a_second_behind_the_end(matches, classes, late_ms, usable):
    end_ms = 1000 * 90 // 2
    position = end_ms + late_ms
    entry = {"gameTime": game_time(1, position), "label": "Goal", "position": str(position)}
    labels_path(matches, GAMES[0]).write_text(json.dumps({"annotations": [entry]}))
    found = open_split(matches, GAMES, NAMES, classes=classes)
    assert (GAMES[0] in found.games) is usable
