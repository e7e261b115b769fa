"""Folders and zips brought together: names, splits, what is missing, what is not safe to read."""

from __future__ import annotations

import json
import struct
import unicodedata
import wave
import zipfile

import pytest

from action_spotting.dataset.tree import open_tree
from action_spotting.errors import InputError, UsageError
from action_spotting.evaluation.evaluate import check_folder, score_folder
from action_spotting.evaluation.game_set import load_set

LABEL = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000", "visibility": "visible"}
SPOT = {"label": "Goal", "position": "60000", "half": "1", "confidence": "0.5"}
GAMES = [([LABEL], [SPOT]), ([LABEL], [SPOT])]
NAME = "results_spotting.json"


@pytest.fixture
def pair(write_set, tmp_path):
    return write_set(tmp_path, GAMES)


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_a_walked_folder_is_the_split_all(pair):
    labels, predictions, names = pair
    games = load_set(labels, predictions, split="all")
    assert (games.games, games.listed, games.prediction_file) == (tuple(names), 2, NAME)


def test_an_own_split_is_scored(pair, zip_folder):
    labels, predictions, names = pair
    (labels / "splits.json").write_text(json.dumps({"train": names[:1], "test": names[1:]}))
    for side in (labels, zip_folder(labels)):
        games = load_set(side, predictions, split="test")
        assert games.games == tuple(names[1:])
        assert "1 games with a results_spotting.json are not in the split" in str(games.findings[0])
        assert load_set(side, predictions, split="all").games == tuple(names)


def test_an_unknown_split_says_how_to_make_one(pair):
    with pytest.raises(UsageError, match="unknown split 'test'.*splits.json"):
        load_set(*pair[:2], split="test")


def test_missing_predictions_are_errors_or_left_out(pair):
    labels, predictions, names = pair
    (predictions / names[0] / NAME).unlink()
    strict = load_set(labels, predictions, split="all")
    assert "for 1 of the 2 games" in str(strict.errors[0])
    with pytest.raises(InputError, match="--partial scores the games on both sides"):
        score_folder(labels, predictions, split="all")
    evaluation = score_folder(labels, predictions, split="all", partial=True)
    assert (evaluation.games.games, evaluation.exit_code) == (tuple(names[1:]), 0)


def test_a_broken_game_stops_only_itself_when_partial(pair):
    labels, predictions, names = pair
    (predictions / names[0] / NAME).write_text('{"predictions": [{"lab')
    with pytest.raises(InputError, match=r"not valid JSON .* is the file complete"):
        score_folder(labels, predictions, split="all")
    evaluation = score_folder(labels, predictions, split="all", partial=True)
    assert (evaluation.games.games, evaluation.exit_code) == (tuple(names[1:]), 3)
    assert "not valid JSON" in evaluation.games.left_out[names[0]]


def test_strict_refuses_warnings(write_set, tmp_path):
    labels, predictions, _ = write_set(tmp_path, [([LABEL], [])])
    assert score_folder(labels, predictions, split="all").results["tight"].average_map == 0
    with pytest.raises(InputError, match="no spots"):
        score_folder(labels, predictions, split="all", strict=True)


def test_the_name_is_found_out(write_set, tmp_path, pair):
    labels, predictions, names = pair
    for name in names:
        (predictions / name / NAME).rename(predictions / name / "mine.json")
        (predictions / name / "1_VGGish.json").write_text("{}")
    assert load_set(labels, predictions, split="all").prediction_file == "mine.json"
    (predictions / names[0] / "other.json").write_text("{}")
    with pytest.raises(UsageError, match="mine.json, other.json; name one with --Prediction_file"):
        load_set(labels, predictions, split="all")
    games = load_set(labels, predictions, split="all", prediction_file="mine.json")
    assert len(games.games) == 2


def test_swapped_sides_are_recognised(pair):
    labels, _, _ = pair
    with pytest.raises(UsageError, match="holds label files and no predictions; .* swapped"):
        load_set(labels, labels, split="all")


def test_labels_named_as_predictions_are_recognised(pair):
    labels, _, _ = pair
    with pytest.raises(InputError, match='holds "annotations", not "predictions"'):
        score_folder(labels, labels, split="all", prediction_file="Labels-v2.json")


def test_games_deeper_in_the_zip_are_pointed_at(pair, tmp_path):
    labels, predictions, _ = pair
    members = [
        (f"results/{p.relative_to(predictions).as_posix()}", p.read_bytes())
        for p in predictions.rglob("*.json")
    ]
    with pytest.raises(UsageError, match="deep.zip they lie below results/: give that folder"):
        load_set(labels, make_zip(tmp_path / "deep.zip", members), split="all")


def test_labels_and_splits_deeper_in_a_zip_are_pointed_at(pair, tmp_path):
    labels, predictions, names = pair
    (labels / "splits.json").write_text(json.dumps({"mine": names}))
    members = [(f"l/{p.relative_to(labels)}", p.read_bytes()) for p in labels.rglob("*.json")]
    deep = make_zip(tmp_path / "deep.zip", members)
    with pytest.raises(UsageError, match="in .*deep.zip they lie below l/: give that folder"):
        load_set(deep, predictions, split="mine")
    with pytest.raises(UsageError, match="in .*deep.zip they lie below l/: give that folder"):
        load_set(deep, predictions)
    assert load_set(
        deep,
        make_zip(
            tmp_path / "p.zip",
            [
                (f"l/{p.relative_to(predictions)}", p.read_bytes())
                for p in predictions.rglob("*.json")
            ],
        ),
    ).games == tuple(f"l/{name}" for name in names)


ACCENTED = "league/2020-2021/Málaga – Córdoba"
DECOMPOSED = unicodedata.normalize("NFD", ACCENTED)


def side(folder, game, key, entries, name):
    path = folder / game / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: entries}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("ours", "theirs"), [(ACCENTED, DECOMPOSED), (DECOMPOSED, ACCENTED)])
@pytest.mark.parametrize("zipped", ["labels", "results", "both", "none"])
def test_accents_composed_on_one_side_and_decomposed_on_the_other(
    ours, theirs, zipped, zip_folder, tmp_path
):
    """As macOS and Linux write the same name."""
    labels = side(tmp_path / "labels", ours, "annotations", [LABEL], "Labels-v2.json")
    results = side(tmp_path / "results", theirs, "predictions", [SPOT], NAME)
    labels = zip_folder(labels) if zipped in ("labels", "both") else labels
    results = zip_folder(results) if zipped in ("results", "both") else results
    evaluation = score_folder(labels, results)
    assert evaluation.results["tight"].per_class[2] == pytest.approx(1)
    assert not evaluation.games.findings


def test_a_split_in_the_other_composition(tmp_path):
    labels = side(tmp_path / "labels", DECOMPOSED, "annotations", [LABEL], "Labels-v2.json")
    (labels / "splits.json").write_text(json.dumps({"test": [ACCENTED, DECOMPOSED]}))
    results = side(tmp_path / "results", ACCENTED, "predictions", [SPOT], NAME)
    assert load_set(labels, results).listed == 1


def test_a_zip_with_backslashes_or_utf8_that_is_not_flagged(tmp_path):
    """As some programs of Windows and macOS write them."""
    labels = side(tmp_path / "labels", ACCENTED, "annotations", [LABEL], "Labels-v2.json")
    content = json.dumps({"predictions": [SPOT]})
    for name in (f"{ACCENTED}/{NAME}".replace("/", "\\"), f"{DECOMPOSED}/{NAME}"):
        path = make_zip(tmp_path / "odd.zip", [])
        with zipfile.ZipFile(path, "w") as archive:
            info = zipfile.ZipInfo("x")
            info.filename = name  # past the constructor, which would put it right
            archive.writestr(info, content)
        data = bytearray(path.read_bytes())
        for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            struct.pack_into("<H", data, data.index(magic) + offset, 0)
        path.write_bytes(data)
        assert load_set(labels, path).games == (ACCENTED,)


def test_a_match_folder_of_its_own_scores_itself(tmp_path, zip_folder):
    folder = side(tmp_path / "my match", ".", "annotations", [LABEL], "Labels-v2.json")
    side(folder, ".", "predictions", [SPOT], "Predictions-v2.json")
    (folder / "1_FFT.json").write_text("{}")
    zipped = zip_folder(folder)
    for labels, results in ((folder, folder), (zipped, folder), (folder, zipped)):
        evaluation = score_folder(labels, results)
        assert (evaluation.games.games, evaluation.games.split) == ((".",), "all")
        assert evaluation.results["tight"].per_class[2] == pytest.approx(1)
        assert not evaluation.games.findings
    assert load_set(folder, folder / "Predictions-v2.json").games == (".",)


@pytest.mark.parametrize("spoil", ["utf-16", "no half", "lzma", "empty"])
def test_partial_with_nothing_usable_is_an_error(pair, spoil, tmp_path):
    labels, predictions, names = pair
    for path in predictions.rglob("*.json"):
        text = json.dumps({"predictions": [{k: v for k, v in SPOT.items() if k != "half"}]})
        if spoil == "utf-16":
            path.write_text(text, encoding="utf-16")
        elif spoil in ("no half", "empty"):
            path.write_text(text * (spoil == "no half"))
    if spoil == "lzma":
        with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
            for name in names:
                archive.writestr(f"{name}/{NAME}", '{"predictions": []}')
        predictions = tmp_path / "lzma.zip"
    reason = {"utf-16": "not UTF-8", "no half": "entry 0: no 'half'", "lzma": "deflate"}
    with pytest.raises(
        InputError, match=rf"none of the games is usable:\n  {names[0]}: .*"
    ) as told:
        score_folder(labels, predictions, partial=True)
    assert reason.get(spoil, "not valid JSON") in str(told.value)
    assert names[1] in str(told.value)
    assert told.value.exit_code == 1


def test_a_game_in_four_spellings_is_scored_once(pair):
    labels, predictions, (game, other) = pair
    spelt = [game, f"./{game}", f"{game}/", game.replace("/", "//")]
    (labels / "splits.json").write_text(json.dumps({"test": spelt, "train": [f"././{other}//"]}))
    assert load_set(labels, predictions).games == (game,)
    assert load_set(labels, predictions, split="all").games == (game, other)


def test_nothing_there(pair, tmp_path):
    with pytest.raises(UsageError, match="predictions .*nowhere.* does not exist"):
        load_set(pair[0], tmp_path / "nowhere.zip", split="all")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(UsageError, match="neither a folder nor a zip"):
        load_set(pair[0], tmp_path / "text.zip", split="all")


@pytest.mark.parametrize(
    "name", ["../x.json", "/x.json", "a/../../x.json", "..\\x.json", "C:/x.json"]
)
def test_climbing_members_are_refused(tmp_path, name):
    path = make_zip(tmp_path / "climb.zip", [(name, "{}")])
    with pytest.raises(InputError, match="leaves the archive"):
        open_tree(path, "labels")


def test_members_that_are_no_results_do_not_count(tmp_path):
    names = (".", "__MACOSX/a.json", ".a.json", "a.txt", "b/a.json")
    path = make_zip(tmp_path / "odd.zip", [(name, "{}") for name in names])
    assert open_tree(path, "labels").names == {"b/a.json"}


def test_members_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_zip(tmp_path / "twice.zip", [("a.json", "{}"), ("a.json", "[]")])
    with pytest.raises(InputError, match="'a.json' is in the zip twice"):
        open_tree(path, "labels")


def test_a_huge_member_is_refused_before_it_is_unpacked(tmp_path):
    path = make_zip(tmp_path / "huge.zip", [("a.json", "{}")])
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(magic) + offset, 2**31)
    path.write_bytes(data)
    with pytest.raises(InputError, match="2147483648 bytes, more than"):
        open_tree(path, "labels").read("a.json")


def test_a_member_larger_than_it_claims_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "liar.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", " " * 10**6 + "{}")
    data = bytearray((tmp_path / "liar.zip").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    (tmp_path / "liar.zip").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        open_tree(tmp_path / "liar.zip", "labels").read("a.json")


def test_a_damaged_member_is_named(tmp_path):
    path = make_zip(tmp_path / "bad.zip", [("a.json", '{"predictions": []}')])
    path.write_bytes(path.read_bytes().replace(b'"predictions"', b'"predictiona"'))
    with pytest.raises(InputError, match=r"bad.zip:a.json: the zip is damaged"):
        open_tree(path, "labels").read("a.json")


def test_linked_games_are_found_and_circles_end(pair, tmp_path):
    labels, predictions, names = pair
    (tmp_path / "linked" / "league").mkdir(parents=True)
    (tmp_path / "linked" / "league" / "2020-2021").symlink_to(predictions / "league" / "2020-2021")
    (predictions / "league" / "2020-2021" / "again").symlink_to(tmp_path / "linked")
    assert load_set(labels, tmp_path / "linked", split="all").games == tuple(names)


def test_hidden_files_of_a_mac_are_no_games(pair, tmp_path, zip_folder):
    zipped = zip_folder(pair[1])
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("__MACOSX/league/2020-2021/game 0/._results_spotting.json", b"\x00")
    assert not load_set(pair[0], zipped, split="all").findings


def test_positions_behind_the_end_of_the_video(pair):
    """A sound file of ten seconds in place of a video: the label at one minute is behind it."""
    labels, predictions, names = pair
    with wave.open(str(labels / names[0] / "1_224p.mkv"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 10))
    (labels / names[1] / "1_224p.mkv").write_bytes(b"no video")
    findings = [str(finding) for finding in check_folder(labels, predictions, split="all").findings]
    assert findings == [
        f"warning: {names[0]}: 1 {what} lie behind the end of the half's video at 1 - 00:10 "
        "(the last at 1 - 01:00)"
        for what in ("labels", "spots")
    ]
