import json
from pathlib import Path

import pytest
from SoccerNet.utils import getListGames

from action_spotting.dataset.layout import Half
from action_spotting.dataset.splits import list_games, list_halves
from action_spotting.errors import InputError, UsageError


def touch(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_soccernet_splits_come_from_its_package(tmp_path):
    for split in ("train", "valid", "test", "challenge"):
        (tmp_path / getListGames(split)[3]).mkdir(parents=True)
    assert list_games(tmp_path, "valid") == [getListGames("valid")[3]]
    assert list_games(tmp_path, "v1") == [getListGames(s)[3] for s in ("train", "valid", "test")]
    assert len(list_games(tmp_path, "all")) == 4
    assert len(list_halves(tmp_path, ["train", "test"])) == 4


def test_a_splits_file_rules(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    touch(tmp_path / "splits.json", json.dumps({"train": ["a", "gone"], "test": ["b"]}))
    assert list_games(tmp_path, "train") == ["a"]
    assert list_games(tmp_path, "v1") == ["a", "b"]
    assert [h.number for h in list_halves(tmp_path, "all", game_id=1)] == [1, 2]
    with pytest.raises(UsageError, match="game 2 does not exist"):
        list_halves(tmp_path, "all", game_id=2)


def test_own_matches_are_found_by_walking(tmp_path):
    touch(tmp_path / "cup" / "final" / "1.mp4")
    touch(tmp_path / "friendly" / "2_ResNET_TF2.npy")
    touch(tmp_path / "notes" / "12_monkeys.txt")
    assert list_games(tmp_path) == ["cup/final", "friendly"]
    with pytest.raises(UsageError, match=r"unknown split 'test'.*splits\.json"):
        list_games(tmp_path, "test")


def test_a_split_that_does_not_exist_is_answered_with_the_nearest(tmp_path):
    (tmp_path / getListGames("test")[0]).mkdir(parents=True)
    with pytest.raises(UsageError, match="'tset'; did you mean 'test'"):
        list_games(tmp_path, "tset")
    with pytest.raises(UsageError, match="none of the 300 games of split 'train' is there"):
        list_games(tmp_path, "train")


def test_a_folder_without_matches_says_what_is_expected(tmp_path):
    with pytest.raises(UsageError, match="no matches; expected <league>/<season>/<game>/"):
        list_games(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        list_games(tmp_path / "nowhere")


@pytest.mark.parametrize("game", ["../outside", "/etc"])
def test_a_splits_file_cannot_point_outside(tmp_path, game):
    touch(tmp_path / "splits.json", json.dumps({"test": [game]}))
    with pytest.raises(InputError, match="leaves the folder"):
        list_games(tmp_path, "test")


def test_media_of_each_kind(tmp_path):
    half = Half(tmp_path, "game", 2)
    touch(tmp_path / "game" / "2_720p.mkv")
    with pytest.raises(InputError, match="has no 2_224p.mkv or 2.mkv; there is 720p media"):
        half.clip("LQ")
    touch(tmp_path / "game" / "2.mp4")
    assert half.clip("LQ").path.name == "2.mp4"
    assert half.clip("720p").path.name == "2_720p.mkv"
    with pytest.raises(UsageError, match="unknown video 'lq'; did you mean 'LQ'"):
        half.clip("lq")


def test_media_of_any_usual_suffix_in_any_case(tmp_path):
    for name in ("1.MTS", "2_224p.Mp4", "1.jpg"):
        touch(tmp_path / "game" / name)
    assert list_games(tmp_path) == ["game"]
    assert [Half(tmp_path, "game", n).clip().path.name for n in (1, 2)] == ["1.MTS", "2_224p.Mp4"]


def test_media_of_a_kind_that_is_not_taken_are_named(tmp_path):
    touch(tmp_path / "game" / "1.braw")
    touch(tmp_path / "pictures" / "1.jpg")
    touch(tmp_path / "arrays" / "1.npy")
    assert list_games(tmp_path) == ["game"]
    with pytest.raises(InputError, match=r"no 1_224p\.mkv or 1\.mkv; 1\.braw is there, but its"):
        Half(tmp_path, "game", 1).clip()


def test_hq_media_follow_video_ini(tmp_path):
    half = Half(tmp_path, "game", 1)
    touch(tmp_path / "game" / "1_HQ.mkv")
    with pytest.raises(InputError, match=r"1_HQ\.mkv: no video\.ini beside it"):
        half.clip("HQ")
    touch(
        tmp_path / "game" / "video.ini",
        "[1_HQ.mkv]\nstart_time_second = 10.5\nduration_second = 2700\n",
    )
    clip = half.clip("HQ")
    assert (clip.path.name, clip.start_s, clip.duration_s) == ("1_HQ.mkv", 10.5, 2700.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[2_HQ.mkv]\n", "no section for half 1"),
        ("[1_HQ.mkv]\nstart_time_second = 3\n", "needs duration_second"),
        ("[1_HQ.mkv]\nstart_time_second = x\nduration_second = 3\n", "needs start_time_second"),
        ("[1_HQ.mkv]\nstart_time_second = nan\nduration_second = 3\n", "must be 0 to 86400 s"),
        ("[1_HQ.mkv]\nstart_time_second = 1e308\nduration_second = 3\n", "must be 0 to 86400 s"),
        ("[1/../../x]\nstart_time_second = 1\nduration_second = 3\n", "not a file beside"),
        ("[1_gone.mkv]\nstart_time_second = 1\nduration_second = 3\n", "named in video.ini"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_bad_video_ini_is_named(tmp_path, text, message):
    touch(tmp_path / "game" / "1_HQ.mkv")
    touch(tmp_path / "game" / "video.ini", text)
    with pytest.raises(InputError, match=message):
        Half(tmp_path, "game", 1).clip("HQ")
