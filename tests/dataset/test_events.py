import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.dataset.classes import ACTIONS_V1, ACTIONS_V2, read_classes
from action_spotting.dataset.event_files import read_labels, read_predictions, write_predictions
from action_spotting.dataset.events import Events, game_time
from action_spotting.errors import InputError, UsageError


def write(path, key, entries):
    path.write_text(json.dumps({"UrlLocal": "a/b/c", key: entries}), encoding="utf-8")
    return path


def event(time="1 - 00:13", label="Goal", **more):
    return {"gameTime": time, "label": label, "team": "home", **more}


def test_classes_are_those_of_soccernet_in_its_order():
    from SoccerNet.Evaluation.utils import EVENT_DICTIONARY_V1, EVENT_DICTIONARY_V2

    assert {name: i for i, name in enumerate(ACTIONS_V2)} == EVENT_DICTIONARY_V2
    assert {name: i for i, name in enumerate(ACTIONS_V1)} == EVENT_DICTIONARY_V1


def test_labels_are_read_as_columns(tmp_path):
    path = write(
        tmp_path / "Labels-v2.json",
        "annotations",
        [
            event("1 - 00:13", "Goal", position="13833", visibility="not shown"),
            event("2 - 45:01", "Foul", visibility="visible"),
        ],
    )
    labels = read_labels(path)
    assert labels.half.tolist() == [1, 2]
    assert labels.position_ms.tolist() == [13833, 2701000]
    assert [ACTIONS_V2[i] for i in labels.label] == ["Goal", "Foul"]
    assert labels.visible.tolist() == [False, True]
    assert labels.team.tolist() == ["home", "home"]
    assert np.isnan(labels.confidence).all()


def test_version_1_folds_labels_and_leaves_out_the_others(tmp_path):
    names = ["yr-card", "substitution-in", "soccer-ball-own", "corner"]
    path = write(tmp_path / "Labels.json", "annotations", [event(label=name) for name in names])
    assert [ACTIONS_V1[i] for i in read_labels(path, version=1).label] == ["card", "subs", "soccer"]


def test_own_choice_of_classes_drops_the_known_others(tmp_path):
    path = write(tmp_path / "l.json", "annotations", [event(label="Foul"), event(label="Goal")])
    assert read_labels(path, classes=["Goal"]).label.tolist() == [0]


def test_no_event_gives_empty_columns(tmp_path):
    labels = read_labels(write(tmp_path / "l.json", "annotations", []))
    assert len(labels) == 0
    assert labels.visible.dtype == bool


def test_all_problems_of_a_label_file_are_listed_together(tmp_path):
    entries = [event(label="Gaol"), event("5 - 00:00"), event(position="soon")]
    path = write(tmp_path / "l.json", "annotations", entries)
    with pytest.raises(
        InputError, match=r"entry 2: position 'soon'.*did you mean 'Goal'.*entry 1: half"
    ):
        read_labels(path)


@pytest.mark.parametrize("text", ["", "[1]", '{"annotations": 3}', '{"annotations": [1]}', "{"])
def test_a_file_that_holds_no_labels_is_named(tmp_path, text):
    path = tmp_path / "Labels-v2.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"Labels-v2\.json"):
        read_labels(path)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.integers(0, 7_200_000),
            st.integers(0, 16),
            st.integers(0, 10**6).map(lambda n: n / 10**6),
        )
    )
)
def test_predictions_survive_the_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("p") / "Predictions-v2.json"
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    spots = Events(*(np.array(column, dtype=t) for column, t in zip(columns, "qqqd", strict=True)))
    write_predictions(path, "a/b/c", spots)
    back = read_predictions(path)
    again = zip(back.half, back.position_ms, back.label, back.confidence, strict=True)
    assert sorted(again) == sorted(rows)


def test_predictions_are_written_as_soccernet_does(tmp_path):
    one = Events(np.array([2]), np.array([61500]), np.array([2]), np.array([0.25]))
    write_predictions(tmp_path / "p.json", "league/season/game", one)
    assert json.loads((tmp_path / "p.json").read_text()) == {
        "UrlLocal": "league/season/game",
        "predictions": [
            {
                "gameTime": "2 - 01:01",
                "label": "Goal",
                "position": "61500",
                "half": "2",
                "confidence": "0.250000",
            }
        ],
    }


def test_a_prediction_with_a_confidence_that_is_no_number_is_named(tmp_path):
    entry = event(half="1", position="0", confidence="nan")
    with pytest.raises(InputError, match="entry 0: confidence is no finite"):
        read_predictions(write(tmp_path / "p.json", "predictions", [entry]))


def test_extra_time_is_read_and_written(tmp_path):
    path = write(tmp_path / "l.json", "annotations", [event("3 - 05:00"), event("4 - 14:59")])
    labels = read_labels(path)
    assert labels.half.tolist() == [3, 4]
    write_predictions(tmp_path / "p.json", "g", Events(labels.half, [0, 1], labels.label, [1, 1]))
    assert read_predictions(tmp_path / "p.json").half.tolist() == [3, 4]


def test_tables_of_one_vocabulary_are_joined_sorted_and_picked():
    one = Events([2, 1], [5, 9], [0, 1], [0.5, 0.25], classes=("a", "b"))
    two = Events([1], [9], [0], [1.0], team=["home"], classes=("a", "b"))
    both = Events.concat([one, two])
    assert (len(both), both.classes) == (3, ("a", "b"))
    ordered = both.sorted()
    assert ordered.half.tolist() == [1, 1, 2]
    assert ordered.label.tolist() == [0, 1, 0]
    assert ordered.team.tolist() == ["home", "", ""]
    assert both.take(both.confidence > 0.4).confidence.tolist() == [0.5, 1.0]
    assert len(Events.concat([], ("a",))) == 0
    with pytest.raises(UsageError, match="different classes"):
        Events.concat([one, Events([1], [0], [0])])


def test_columns_of_unlike_lengths_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        Events([1, 2], [0, 0, 0], [0, 0])


def test_game_time_has_two_digits_each():
    assert game_time(1, 0) == "1 - 00:00"
    assert game_time(2, 7_199_999) == "2 - 119:59"


def test_own_classes_are_read_and_a_typo_is_answered(tmp_path):
    (tmp_path / "c.txt").write_text("Goal\n\nCorner\n")
    assert read_classes(tmp_path / "c.txt") == ("Goal", "Corner")
    (tmp_path / "c.json").write_text('["Goal", "Conrer", "Goal"]')
    with pytest.raises(InputError, match=r"did you mean 'Corner'.*'Goal' is named twice"):
        read_classes(tmp_path / "c.json")
