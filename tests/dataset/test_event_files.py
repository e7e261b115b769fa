"""What the checks of label and results files find, and what they leave alone."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from action_spotting.dataset.event_files import parse_events
from action_spotting.dataset.event_findings import ERROR, LABELS, PREDICTIONS
from action_spotting.errors import InputError

SPOT = {
    "gameTime": "1 - 01:00",
    "label": "Goal",
    "position": "60000",
    "half": "1",
    "confidence": "0.5",
}
LABEL = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000", "visibility": "visible"}


def spots(*entries, **options):
    data = json.dumps({"predictions": entries}).encode()
    return parse_events(data, "r.json", PREDICTIONS, **options)


def labels(*entries, **options):
    data = json.dumps({"annotations": entries}).encode()
    return parse_events(data, "l.json", LABELS, **options)


def test_a_sound_file_has_no_findings():
    found, findings = spots(SPOT, SPOT | {"position": 90_000, "gameTime": "1 - 1:30", "half": 1})
    assert findings == []
    np.testing.assert_array_equal(found.position_ms, [60_000, 90_000])
    np.testing.assert_array_equal(found.confidence, [0.5, 0.5])


@pytest.mark.parametrize(
    ("change", "severity", "message"),
    [
        (
            {"label": "Gaol"},
            "warning",
            "entry 1: unknown label 'Gaol'; did you mean 'Goal'.*; left out",
        ),
        ({"confidence": "1.5"}, "warning", "entry 1: confidence above 1"),
        ({"confidence": -0.5}, "warning", "confidence below 0 never counts"),
        ({"confidence": "nan"}, "error", "entry 1: confidence is no finite number"),
        ({"confidence": "0,5"}, "error", "entry 1: confidence '0,5' is no number"),
        ({"confidence": None}, "error", "entry 1: confidence None is no number"),
        ({"position": "61000.5"}, "error", "entry 1: position '61000.5' is no whole number"),
        ({"position": "-4"}, "warning", "position before the half's start"),
        ({"position": -7_200_500}, "error", "position 120 minutes before the half's start"),
        ({"label": "card"}, "warning", "entry 1: label 'card' is one of version 1: --version 1"),
        ({"position": "7200000", "gameTime": ""}, "warning", "behind 120 minutes"),
        ({"half": "3", "gameTime": ""}, "warning", "half is neither 1 nor 2; left out of Socc"),
        ({"half": "5", "gameTime": ""}, "warning", "half is none of 1 to 4"),
        ({"position": "12000.0"}, "error", "entry 1: position '12000.0' is no whole number"),
        ({"half": "1.0"}, "error", "entry 1: half '1.0' is no whole number"),
        ({"position": 10**30}, "error", "behind a day; it is milliseconds"),
        ({"position": 10**8}, "error", "behind a day; it is milliseconds"),
        ({"half": "first"}, "error", "entry 1: half 'first' is no whole number"),
        (
            {"gameTime": "1 - 02:00"},
            "warning",
            "'1 - 02:00' disagrees with half and position, which count: '1 - 01:00'",
        ),
        ({"gameTime": "2 - 01:00"}, "warning", "disagrees with half and position"),
        ({}, "warning", "entry 0: shares class and half-second with a later one"),
    ],
)
def test_findings_of_a_results_file(change, severity, message):
    _, findings = spots(SPOT, SPOT | change)
    matching = [f for f in findings if re.search(message, f.message)]
    assert len(matching) == 1, findings
    assert matching[0].severity == severity
    assert matching[0].where == "r.json"


def test_a_missing_field_is_named():
    entry = {key: value for key, value in SPOT.items() if key != "position"}
    found, findings = spots(SPOT, entry)
    assert [str(f) for f in findings] == ["error: r.json: entry 1: no 'position'"]
    assert len(found) == 0


def test_numbers_that_python_takes_are_taken():
    """As the official scorer does: a float position is cut, a padded string is read."""
    found, findings = spots(SPOT | {"position": 60_000.7}, SPOT | {"position": " 90000 "})
    np.testing.assert_array_equal(found.position_ms, [60_000, 90_000])
    assert not [f for f in findings if f.severity == ERROR]


def test_unknown_labels_are_errors_in_version_1():
    _, findings = spots(SPOT | {"label": "crad"}, version=1)
    assert findings[0].severity == ERROR
    assert "did you mean 'card'" in findings[0].message


def test_many_problems_are_listed_shortly():
    _, findings = spots(*[SPOT | {"position": "x"}] * 1000)
    assert len(findings) == 6
    assert "and 995 more" in findings[-1].message


def test_entries_are_counted_in_the_file():
    """What cannot be read does not shift the numbers of the entries behind it."""
    _, findings = spots(SPOT | {"half": "x"}, SPOT, SPOT | {"confidence": 3}, SPOT | {"label": "a"})
    assert [f.message.partition(":")[0] for f in findings] == [
        "entry 0",
        "entry 3",
        "entry 2",
        "entry 1",
    ]


@pytest.mark.parametrize("kind", [LABELS, PREDICTIONS])
def test_a_byte_order_mark_is_a_warning(kind):
    entry = SPOT if kind == PREDICTIONS else LABEL
    data = b"\xef\xbb\xbf" + json.dumps({kind: [entry]}).encode()
    found, (finding,) = parse_events(data, "x.json", kind)
    assert len(found) == 1
    assert str(finding).startswith("warning: x.json: begins with a byte order mark")


def test_a_strict_reader_refuses_times_before_the_half():
    for kind, entry in ((PREDICTIONS, SPOT), (LABELS, LABEL)):
        data = json.dumps({kind: [entry | {"position": -300}]}).encode()
        found, findings = parse_events(data, "x.json", kind, strict=True)
        assert len(found) == 0
        assert findings[0].severity == ERROR


def test_an_empty_list_is_a_warning():
    found, findings = spots()
    assert len(found) == 0
    assert "every label of the game is missed" in findings[0].message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"predictions": [{"label": "Go', "not valid JSON .* is the file complete"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", 'expected {"predictions"'),
        (b'{"predictions": [3]}', 'expected {"predictions"'),
        (b'{"predictions": {}}', 'expected {"predictions"'),
        (b'{"annotations": []}', "are labels and predictions swapped"),
        (b'{"predictions": ' + b"[" * 200_000, "not (valid|usable) JSON"),
    ],
)
def test_broken_results_files(data, message):
    with pytest.raises(InputError, match=message):
        parse_events(data, "r.json", PREDICTIONS)


def test_labels_as_the_official_scorer_reads_them():
    whole = {"gameTime": "2 - 01:30", "label": "Corner", "visibility": "not shown"}
    found, findings = labels(LABEL, whole)
    assert findings == []
    np.testing.assert_array_equal(found.half, [1, 2])
    np.testing.assert_array_equal(found.position_ms, [60_000, 90_000])
    np.testing.assert_array_equal(found.visible, [True, False])


@pytest.mark.parametrize("clock", ["1 - 100:10", "1 - 123:10"])
def test_a_label_with_three_digits_of_minutes(clock):
    """SoccerNet's scorer takes two of them."""
    event = {"gameTime": clock, "label": "Goal"}
    found, (finding,) = labels(event)
    assert found.position_ms.tolist() == [1000 * (60 * int(clock[5:7]) + 10)]
    assert f"{clock!r} without position is read as '1 - {clock[5:]}'" in finding.message
    found, findings = labels(event, strict=True)
    assert found.position_ms.tolist() == [1000 * (60 * int(clock[4:7]) + 10)]
    assert not [f for f in findings if f.severity == ERROR]


def test_version_1_labels_are_folded():
    found, findings = labels(
        {"gameTime": "1 - 00:10", "label": "yr-card"},
        {"gameTime": "1 - 00:20", "label": "soccer-ball-own"},
        {"gameTime": "1 - 00:30", "label": "corner"},
        version=1,
    )
    np.testing.assert_array_equal(found.label, [0, 2])
    assert findings == []


@pytest.mark.parametrize(
    ("change", "severity", "message"),
    [
        ({"label": "Gaol"}, "warning", "did you mean 'Goal'"),
        ({"gameTime": "3 - 01:00"}, "warning", "entry 0: half is neither 1 nor 2; left out"),
        ({"gameTime": ""}, "error", "entry 0: gameTime '' is no time such as '1 - 12:34'"),
        ({"position": "-1"}, "warning", "before the half's start"),
        ({"label": 7}, "error", "label 7 is no text"),
        ({"position": "8000000"}, "warning", "behind 120 minutes"),
    ],
)
def test_findings_of_a_label_file(change, severity, message):
    _, findings = labels(LABEL | change)
    assert [f.severity for f in findings] == [severity]
    assert message in findings[0].message
