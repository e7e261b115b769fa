import json

import pytest

from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import read_json, whole_file, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert list(path.parent.iterdir()) == []
    with whole_file(path) as part:
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_what_a_killed_run_left_is_taken_over(tmp_path):
    path = tmp_path / "a.mp4"
    (tmp_path / ".a.part-0123abcd.mp4").write_text("half")
    with whole_file(path) as part:
        assert part.suffix == ".mp4"
        part.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match="cannot write"),
        whole_file(tmp_path / "file" / "a.txt"),
    ):
        pass


def test_json_round_trip_is_the_same_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    first = (tmp_path / "a.json").read_bytes()
    write_json(tmp_path / "a.json", json.loads(first))
    assert (tmp_path / "a.json").read_bytes() == first
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": [1, 2', "line 1, column 12"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "not usable JSON|not valid JSON"),
        (b"1" * 5000, "not usable JSON"),
    ],
)
def test_bad_json_is_named_with_its_place(tmp_path, data, message):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_json(tmp_path / "a.json")


def test_json_is_bounded(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps("x" * 1000))
    with pytest.raises(InputError, match="more than the 100 allowed"):
        read_json(tmp_path / "a.json", max_bytes=100)


def test_the_nearest_name_is_offered():
    assert "did you mean 'Kick-off'" in unknown("label", "kick off", ["Kick-off", "Goal"])
    assert "did you mean" not in unknown("label", "zzz", ["Kick-off", "Goal"])
