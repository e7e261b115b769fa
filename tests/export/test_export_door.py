from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from action_spotting.dataset.event_files import write_predictions
from action_spotting.errors import InputError, UsageError
from action_spotting.export.registry import FORMATS

DOOR = Path(__file__).resolve().parents[2] / "Evaluation" / "ExportSpotting.py"
GAMES = ("league/season/A 1 - 0 B", 'league/season/C 0 - 0 "D"')
ALL = [*FORMATS, "soccernet"]


@pytest.fixture(scope="module")
def main():
    """The door's main."""
    spec = importlib.util.spec_from_file_location("ExportSpotting", DOOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def results(tmp_path, spots_of) -> Path:
    """Results of two games; the second one without a confident spot."""
    root = tmp_path / "results"
    rows = [(1, 1000, "Goal", 0.9), (2, 2000, "Yellow->red card", 0.6), (2, 3000, "Foul", 0.2)]
    for game, spots in zip(GAMES, (spots_of(*rows), spots_of(rows[2])), strict=True):
        write_predictions(root / game / "Predictions-v2.json", game, spots)
    return root


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def arguments(results: Path, out: Path, *more: str) -> list[str]:
    return [f"--Predictions_path={results}", f"--out={out}", "--export", *more]


def test_help_loads_nothing_heavy_and_names_every_format():
    command = [sys.executable, "-X", "importtime", str(DOOR), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not [name for name in ("av", "cv2", "matplotlib") if f" {name}\n" in done.stderr]
    assert all(name in done.stdout for name in ALL)


def test_a_folder_in_every_format(main, results, tmp_path, capsys):
    assert main(arguments(results, tmp_path / "out", *ALL)) == 0
    out = tree(tmp_path / "out")
    assert {name.rsplit("/", 1)[0] for name in out if "/" in name} == set(GAMES)
    assert b"Foul" not in out[f"{GAMES[0]}/spots.csv"]
    assert json.loads(out[f"{GAMES[0]}/spots.json"])["spots"][1]["match_ms"] == 2_702_000
    assert json.loads(out[f"{GAMES[1]}/spots.json"])["spots"] == []
    with zipfile.ZipFile(tmp_path / "out" / "results_spotting.zip") as archive:
        content = json.loads(archive.read(f"{GAMES[0]}/results_spotting.json"))
    assert len(content["predictions"]) == 3
    printed = capsys.readouterr().out
    assert "3 made" in printed
    assert "--SoccerNet_path DIR" in printed


def test_a_zip_and_a_second_run_give_the_same(main, results, tmp_path):
    main(arguments(results, tmp_path / "one", *ALL))
    main(arguments(results, tmp_path / "one", *ALL))
    main(arguments(tmp_path / "one" / "results_spotting.zip", tmp_path / "two", *ALL))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_one_file_goes_straight_into_the_folder(main, results, tmp_path):
    file = results / GAMES[0] / "Predictions-v2.json"
    assert main(arguments(file, tmp_path / "out", "csv", "soccernet")) == 0
    assert sorted(tree(tmp_path / "out")) == ["results_spotting.zip", "spots.csv"]
    assert f"{GAMES[0]},1," in (tmp_path / "out" / "spots.csv").read_text()


def test_a_game_name_that_climbs_is_not_followed(main, results, tmp_path, six_seconds):
    file = tmp_path / "mine.json"
    content = json.loads((results / GAMES[0] / "Predictions-v2.json").read_text())
    for url in ("../../secret", "/etc", "a/../../b"):
        file.write_text(json.dumps({**content, "UrlLocal": url}))
        assert main(arguments(file, tmp_path / "out", "json")) == 0
        assert json.loads((tmp_path / "out" / "spots.json").read_text())["game"] == "mine"


@pytest.mark.parametrize("url", ["\ud800", "a\0b", "x" * 2000, "..", "a\\..\\b", ""])
def test_a_game_name_that_is_none_is_not_taken(main, results, tmp_path, url):
    file = tmp_path / "mine.json"
    content = json.loads((results / GAMES[0] / "Predictions-v2.json").read_text())
    file.write_text(json.dumps({**content, "UrlLocal": url}))
    assert main(arguments(file, tmp_path / "out", *ALL)) == 0
    assert json.loads((tmp_path / "out" / "spots.json").read_text())["game"] == "mine"


@pytest.mark.parametrize("spelt", [GAMES[1], f"./{GAMES[1]}/", GAMES[1].replace("/", "//")])
def test_a_loose_file_of_a_game_that_has_a_folder_is_refused(main, results, tmp_path, spelt):
    """Either of the two would be lost."""
    content = json.loads((results / GAMES[0] / "Predictions-v2.json").read_text())
    (results / "Predictions-v2.json").write_text(json.dumps({**content, "UrlLocal": spelt}))
    with pytest.raises(UsageError, match="are both results of league/season/C 0 - 0"):
        main(arguments(results, tmp_path / "out", "csv"))
    assert not (tmp_path / "out").exists()
    (results / "Predictions-v2.json").write_text(json.dumps({**content, "UrlLocal": "another"}))
    assert main(arguments(results, tmp_path / "out", "csv")) == 0
    assert len((tmp_path / "out" / "another" / "spots.csv").read_text().splitlines()) == 3


def test_names_that_are_no_utf8(main, results, tmp_path, six_seconds):
    """In the folder of the game, and so in the path of its media."""
    game = os.fsdecode(b"league/season/M\xfcnchen \xff")
    (results / GAMES[0]).rename(results / game)
    media = tmp_path / os.fsdecode(b"m\xfeedia")
    (media / game).mkdir(parents=True)
    shutil.copy(six_seconds, media / game / "1_224p.mkv")
    more = [*FORMATS, f"--SoccerNet_path={media}"]
    assert main(arguments(results, tmp_path / "out", *more)) == 0
    content = json.loads((tmp_path / "out" / game / "spots.json").read_text())
    assert content["game"] == game
    assert (tmp_path / "out" / game / content["halves"][0]["media"]).resolve().is_file()
    timeline = json.loads((tmp_path / "out" / game / "spots.otio").read_text())
    clip = timeline["tracks"]["children"][0]["children"][0]
    url = clip["media_references"]["DEFAULT_MEDIA"]["target_url"]
    assert (tmp_path / "out" / game / os.fsdecode(unquote_to_bytes(url))).resolve().is_file()


def test_spots_that_are_moved_are_told(main, results, tmp_path, six_seconds, capsys):
    media = tmp_path / "media" / GAMES[0]
    media.mkdir(parents=True)
    shutil.copy(six_seconds, media / "1_224p.mkv")
    content = json.loads((results / GAMES[0] / "Predictions-v2.json").read_text())
    for ms in (-300, 5000, 9000):
        entry = content["predictions"][0] | {"half": "1", "position": ms, "confidence": 0.9}
        content["predictions"].append(entry)
    (results / GAMES[0] / "Predictions-v2.json").write_text(json.dumps(content))
    main(arguments(results, tmp_path / "out", "csv", f"--SoccerNet_path={tmp_path / 'media'}"))
    assert "2 spots outside their half are put at its start or end" in capsys.readouterr().out
    rows = (tmp_path / "out" / GAMES[0] / "spots.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[3]) for row in rows][:4] == [0, 1000, 5000, 6000]


def test_a_game_in_one_file_has_the_halves_of_its_spots(
    main, results, spots_of, six_seconds, tmp_path, capsys
):
    """One file of one half, or of a whole game on one clock: nothing is added behind it."""
    media = tmp_path / "media" / GAMES[0]
    media.mkdir(parents=True)
    shutil.copy(six_seconds, media / "1_224p.mkv")
    for rows, halves in (([(1, 1000, "Goal", 0.9)], [1]), ([(2, 0, "Goal", 0.9)], [1, 2])):
        path = results / GAMES[0] / "Predictions-v2.json"
        write_predictions(path, GAMES[0], spots_of(*rows))
        more = ["json", "chapters", f"--SoccerNet_path={tmp_path / 'media'}"]
        main(arguments(path, tmp_path / "out", *more))
        content = json.loads((tmp_path / "out" / "spots.json").read_text())
        assert [half["half"] for half in content["halves"]] == halves
        told = "half 2 has no 2_224p.mkv" in capsys.readouterr().out
        assert told == (2 in halves)
        assert ("Half 2" in (tmp_path / "out" / "spots.ffmeta").read_text()) == (2 in halves)


def test_what_one_format_cannot_hold_the_others_do(main, results, spots_of, tmp_path, capsys):
    many = spots_of(*((1, 1000 * i, "Foul", 0.9) for i in range(1200)))
    write_predictions(results / GAMES[0] / "Predictions-v2.json", GAMES[0], many)
    assert main(arguments(results, tmp_path / "out", *ALL)) == 3
    printed = capsys.readouterr().out
    assert "league/season/A 1 - 0 B: spots.edl: 1200 spots, but a CMX3600 list holds 999" in printed
    names = {Path(name).name for name in tree(tmp_path / "out" / GAMES[0])}
    assert names >= {f"spots{chosen.ending}" for n, chosen in FORMATS.items() if n != "edl"}
    assert "spots.edl" not in names
    assert (tmp_path / "out" / GAMES[1] / "spots.edl").exists()


def test_media_say_where_the_second_half_begins(main, results, tmp_path, six_seconds, capsys):
    media = tmp_path / "media"
    (media / GAMES[0]).mkdir(parents=True)
    for number in (1, 2):
        shutil.copy(six_seconds, media / GAMES[0] / f"{number}_224p.mkv")
    more = ["json", f"--SoccerNet_path={media}"]
    assert main(arguments(results, tmp_path / "out", *more)) == 0
    content = json.loads((tmp_path / "out" / GAMES[0] / "spots.json").read_text())
    first, second = content["halves"]
    assert second["match_start_ms"] == first["duration_ms"] == pytest.approx(6000, abs=50)
    assert (tmp_path / "out" / GAMES[0] / first["media"]).resolve().is_file()
    assert "half 1 has no 1_224p.mkv" in capsys.readouterr().out


def test_thresholds_top_and_windows(main, results, tmp_path):
    (tmp_path / "thresholds.json").write_text('{"Foul": 0.1, "Goal": 1}')
    more = ["csv", f"--threshold={tmp_path / 'thresholds.json'}", "--top=1"]
    main(arguments(results, tmp_path / "out", *more))
    lines = (tmp_path / "out" / GAMES[0] / "spots.csv").read_text().splitlines()
    assert [line.split(",")[5] for line in lines[1:]] == ["Yellow->red card"]
    more = ["sportscode", "--window_before_s=0.5", "--window_after_s=1.25"]
    main(arguments(results, tmp_path / "out", *more))
    text = (tmp_path / "out" / GAMES[0] / "spots.sportscode.xml").read_text()
    assert "<start>0.500</start>\n   <end>2.250</end>" in text


def test_a_broken_game_stops_only_itself_but_no_zip_is_written(main, results, tmp_path, capsys):
    (results / GAMES[1] / "Predictions-v2.json").write_text('{"predictions": [{"label"')
    assert main(arguments(results, tmp_path / "out", "csv", "soccernet")) == 3
    assert sorted(tree(tmp_path / "out")) == [f"{GAMES[0]}/spots.csv"]
    printed = capsys.readouterr().out
    assert f"FAILED   {GAMES[1]}" in printed
    assert "FAILED   results_spotting.zip" in printed


def test_a_split_asks_for_all_its_games(main, results, tmp_path, capsys):
    more = ["soccernet", "--split=challenge"]
    assert main(arguments(results, tmp_path / "out", *more)) == 3
    assert "no results" in capsys.readouterr().out
    assert not (tmp_path / "out" / "results_spotting.zip").exists()
    with pytest.raises(UsageError, match="did you mean 'challenge'"):
        main(arguments(results, tmp_path / "out", "soccernet", "--split=chalenge"))


def test_what_is_wrong_is_said(main, results, spots_of, tmp_path):
    for path, message in [
        (tmp_path / "gone", "does not exist"),
        (tmp_path / "gone.json", "does not exist"),
        (tmp_path, "no Predictions-v2.json or results_spotting.json"),
    ]:
        if path == tmp_path:
            shutil.rmtree(results)
        with pytest.raises((UsageError, InputError), match=message):
            main(arguments(path, tmp_path / "out", "csv"))
    (tmp_path / "file").touch()
    write_predictions(results / "a/b/c/Predictions-v2.json", "", spots_of())
    with pytest.raises(UsageError, match="cannot write to"):
        main(arguments(results, tmp_path / "file" / "sub", "csv"))
    for odd in ("-1", "1e308", "nan", "inf"):
        with pytest.raises(SystemExit, match="2"):
            main(arguments(tmp_path, tmp_path / "out", "csv", f"--window_before_s={odd}"))
    with pytest.raises(SystemExit, match="2"):
        main(arguments(tmp_path, tmp_path / "out", "csv", "--top=0"))
    with pytest.raises(SystemExit, match="2"):
        main(arguments(tmp_path, tmp_path / "out", "cvs"))
