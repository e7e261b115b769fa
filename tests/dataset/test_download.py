"""Downloads: what is complete, what is asked for, what cannot be had; no network is needed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from action_spotting.dataset import download
from action_spotting.errors import UsageError


@pytest.fixture
def no_network(monkeypatch):
    """Let every connection be refused at once."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def test_names_of_a_games_files():
    assert download.file_names("labels") == ["Labels-v2.json"]
    assert download.file_names("labels", version=1) == ["Labels.json"]
    assert download.file_names("labels", labels=["v3"]) == ["Labels-v3.json"]
    assert download.file_names("videos") == ["1_224p.mkv", "2_224p.mkv"]
    with pytest.raises(UsageError, match="did you mean 'labels'"):
        download.file_names("label")


def test_what_is_complete(videos, tone_video, tmp_path):
    whole = {"Labels-v2.json": json.dumps({}).encode(), "video.ini": b"[1_HQ.mkv]"}
    for name, content in whole.items():
        path = tmp_path / name
        assert download.problem(path) == "missing"
        path.write_bytes(content)
        assert download.problem(path) is None
        path.write_bytes(b"")
        assert download.problem(path) is not None
    feature = tmp_path / "1_X.npy"
    np.save(feature, np.zeros((9, 4), np.float32))
    assert download.problem(feature) is None
    feature.write_bytes(feature.read_bytes()[:-8])
    assert "not a whole .npy file" in download.problem(feature)
    video = tmp_path / "1_224p.mkv"
    shutil.copy(videos["plain"], video)
    assert download.problem(video) is None
    video.write_bytes(b"<html>not found</html>")
    assert "not a media file" in download.problem(video)


def test_the_check_lists_every_file(tmp_path):
    game = next(iter(download.game_files(tmp_path, ["Labels-v2.json"], ["valid"])))
    (tmp_path / game).parent.mkdir(parents=True)
    (tmp_path / game).write_text("{}")
    summary = download.check(tmp_path, ["Labels-v2.json"], ["valid"])
    assert summary.skipped == [game]
    assert len(summary.failures) == 99
    assert set(summary.failures.values()) == {"missing"}
    assert summary.exit_code == 3


@pytest.mark.slow
@pytest.mark.parametrize("source", download.SOURCES)
def test_without_a_network_every_missing_file_is_named(no_network, tmp_path, source):
    game = next(iter(download.game_files(tmp_path, ["Labels-v2.json"], ["valid"])))
    (tmp_path / game).parent.mkdir(parents=True)
    (tmp_path / game).write_text("{}")
    summary = download.download(
        tmp_path, ["Labels-v2.json"], ["valid"], source=source, password="wrong"
    )
    assert summary.skipped == [game]
    assert len(summary.failures) == 99
    assert (tmp_path / game).read_text() == "{}"
    left = [p for p in tmp_path.rglob("Labels-v2.json") if p != tmp_path / game]
    assert left == []


def test_unknown_names_are_answered(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'HuggingFace'"):
        download.download(tmp_path, ["Labels-v2.json"], ["valid"], source="huggingface")
    with pytest.raises(UsageError, match="did you mean 'valid'"):
        download.download(tmp_path, ["Labels-v2.json"], ["validd"])


def test_the_door_checks_and_takes_no_password(visual_door, tmp_path, capsys):
    main = visual_door("DownloadSoccerNet").main
    assert main(["--soccernet_dirpath", str(tmp_path), "--split", "valid", "--check"]) == 3
    assert "100 failed" in capsys.readouterr().out
    with pytest.raises(SystemExit) as wrong:
        main(["--soccernet_dirpath", str(tmp_path), "--password", "secret"])
    assert wrong.value.code == 2
