import json
import os
import zipfile

import pytest
from SoccerNet.Evaluation.ActionSpotting import evaluate
from SoccerNet.utils import getListGames

from action_spotting.dataset.events import game_time
from action_spotting.errors import InputError
from action_spotting.export.challenge import write_challenge_zip

GAMES = getListGames("challenge")[:2]


def results(game: str, *rows: tuple[int, int, str, float]) -> bytes:
    entries = [
        {
            "gameTime": game_time(half, ms),
            "label": label,
            "position": str(ms),
            "half": str(half),
            "confidence": repr(confidence),
        }
        for half, ms, label, confidence in rows
    ]
    return json.dumps({"UrlLocal": game, "predictions": entries}, indent=3).encode()


CONTENTS = {
    GAMES[0]: results(GAMES[0], (1, 60_000, "Goal", 0.123456789), (2, 5_000, "Foul", 0.5)),
    GAMES[1]: results(GAMES[1], (2, 90_000, "Corner", 0.75)),
}


@pytest.mark.slow
def test_the_official_scorer_reads_the_zip_like_the_folder(tmp_path, monkeypatch):
    for game, content in CONTENTS.items():
        for root, name in (("labels", "Labels-v2.json"), ("results", "results_spotting.json")):
            (tmp_path / root / game).mkdir(parents=True)
            (tmp_path / root / game / name).write_bytes(content)
        labels = json.loads(content)
        for entry in labels["predictions"]:
            entry["visibility"] = "visible"
        labels["annotations"] = labels.pop("predictions")
        (tmp_path / "labels" / game / "Labels-v2.json").write_text(json.dumps(labels))
    path = tmp_path / "results.zip"
    assert write_challenge_zip(path, CONTENTS.items(), wanted=GAMES) == []
    monkeypatch.setattr("SoccerNet.Evaluation.ActionSpotting.getListGames", lambda **_: list(GAMES))
    scores = [
        evaluate(str(tmp_path / "labels"), str(side), metric="tight")
        for side in (path, tmp_path / "results")
    ]
    assert scores[0]["a_mAP"] == scores[1]["a_mAP"] > 0
    assert scores[0]["a_mAP_per_class"] == scores[1]["a_mAP_per_class"]


def test_values_are_kept_and_bytes_repeat(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_challenge_zip(tmp_path / name, CONTENTS.items())
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{game}/results_spotting.json" for game in GAMES]
        for game, content in CONTENTS.items():
            assert json.loads(archive.read(f"{game}/results_spotting.json")) == json.loads(content)


def test_one_wrong_file_or_missing_game_and_nothing_is_written(tmp_path):
    path = tmp_path / "results.zip"

    wrong = CONTENTS | {GAMES[1]: results(GAMES[1], (1, 0, "Goal", float("nan")))}
    with pytest.raises(InputError, match=f"is not written:\n  {GAMES[1]}: entry 0: confidence"):
        write_challenge_zip(path, wrong.items())
    with pytest.raises(InputError, match="a/b/c: no results"):
        write_challenge_zip(path, CONTENTS.items(), wanted=[*GAMES, "a/b/c"])
    with pytest.raises(InputError, match="not valid JSON"):
        write_challenge_zip(path, [("a/b/c", b"{")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("around", ["results", "a/b"])
def test_a_folder_around_the_games_is_taken_away(around, tmp_path):
    """As people zip a folder instead of what is in it; other folders stay."""
    path = tmp_path / "z.zip"
    odd = [(f"{around}/{game}", content) for game, content in CONTENTS.items()]
    assert write_challenge_zip(path, odd) == []
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{game}/results_spotting.json" for game in GAMES]
    own = "league/season/A 1 - 0 B"
    assert write_challenge_zip(path, [*odd, (own, CONTENTS[GAMES[0]])]) == [own]
    with pytest.raises(InputError, match="is there twice"):
        write_challenge_zip(path, [*odd, *CONTENTS.items()])


def test_text_that_is_no_utf8(tmp_path):
    """A lone surrogate in a file is kept as JSON's escape; in a game's name it has no place."""
    content = json.loads(CONTENTS[GAMES[0]]) | {"note": "\ud800", "name": os.fsdecode(b"m\xff")}
    write_challenge_zip(tmp_path / "z.zip", [(GAMES[0], json.dumps(content).encode())])
    with zipfile.ZipFile(tmp_path / "z.zip") as archive:
        assert json.loads(archive.read(archive.namelist()[0])) == content
    for game in ("\ud800", os.fsdecode(b"league/m\xff")):
        with pytest.raises(InputError, match="no UTF-8 name"):
            write_challenge_zip(tmp_path / "z.zip", [(game, CONTENTS[GAMES[0]])])
