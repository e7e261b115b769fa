"""Downloads from a server that speaks Hugging Face's protocol: every answer is told apart."""

from __future__ import annotations

import io
import json
import re
import zipfile

import huggingface_hub.constants
import huggingface_hub.file_download
import huggingface_hub.utils
import numpy as np
import pytest

from action_spotting.cli.download import dry_run
from action_spotting.dataset import download, hub
from action_spotting.dataset.download import file_names, game_files, plan
from action_spotting.errors import UsageError

from .hub_server import hub_server

LABELS = ("SoccerNet/SN-Labels", "main")
PCA = ("SoccerNet/SN-Features", "resnet-tf2-pca512")
CALIBRATIONS = ("SoccerNet/SN-Features", "field-calib-ccbv")
OSL = ("OpenSportsLab/SoccerNet-ActionSpotting-Features", "main")
VIDEOS = ("SoccerNet/SoccerNet_raw_HQ", "videos-224p")
GAMES = ["l/s/A 1 - 0 B", "l/s/C 2 - 2 D"]

REAL = huggingface_hub.file_download.http_get


def npy(rows: int) -> bytes:
    held = io.BytesIO()
    np.save(held, np.full((rows, 512), rows, np.float32))
    return held.getvalue()


@pytest.fixture(autouse=True)
def _two_games(monkeypatch):
    """SoccerNet has two games, no proxy, no account, and the client waits for nothing."""
    monkeypatch.setattr("SoccerNet.utils.getListGames", lambda *_: GAMES)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    huggingface_hub.utils.close_session()  # another test's keeps the proxy of its time
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def server():
    files = {
        LABELS: {f"{game}/Labels-v2.json": json.dumps({"g": game}).encode() for game in GAMES},
        PCA: {f"{g}/{h}_ResNET_TF2_PCA512.npy": npy(h) for g in GAMES for h in (1, 2)},
        CALIBRATIONS: {f"{GAMES[0]}/1_field_calib_ccbv.json": b'{"predictions": []}'},
        OSL: {
            f"ResNET_PCA512/train/{g.replace(' ', '_')}/{h}_ResNET_TF2_PCA512.npy": npy(h)
            for g in GAMES
            for h in (1, 2)
        },
        VIDEOS: {},
    }
    with hub_server(files) as running:
        yield running


def fetch(root, what, server, **options):
    files = file_names(what, **options)
    return download.download(root, files, ["train"], endpoint=server.address)


def reason(summary) -> str:
    (text,) = set(summary.failures.values())
    return text


def test_labels_and_features_come_whole_with_their_revision(tmp_path, server):
    assert len(fetch(tmp_path, "labels", server).done) == 2
    summary = fetch(tmp_path, "features", server)
    assert (len(summary.done), summary.failures) == (4, {})
    for game in GAMES:
        assert json.loads((tmp_path / game / "Labels-v2.json").read_text()) == {"g": game}
        assert np.load(tmp_path / game / "2_ResNET_TF2_PCA512.npy").shape == (2, 512)
    record = json.loads((tmp_path / hub.RECORD).read_text())
    assert len(record) == 6
    entry = record[f"{GAMES[0]}/1_ResNET_TF2_PCA512.npy"]
    assert (entry["repository"], entry["branch"]) == PCA
    assert len(entry["revision"]) == 40
    assert len(entry["sha256"]) == 64
    assert not (tmp_path / hub.STAGING).exists()
    calls = dict(server.calls)
    again = fetch(tmp_path, "features", server)
    assert (len(again.skipped), dict(server.calls)) == (4, calls)  # nothing is asked


@pytest.mark.parametrize("inner", [".", PCA[0]])
def test_a_link_does_not_lead_a_download_elsewhere(inner, tmp_path, server):
    root, away = tmp_path / "data", tmp_path / "away"
    away.mkdir()
    link = root / hub.STAGING / inner
    link.parent.mkdir(parents=True)
    link.symlink_to(away)
    assert "a link in it leads elsewhere" in reason(fetch(root, "features", server))
    assert not list(away.iterdir())


def test_one_listing_serves_all_games(tmp_path, server):
    fetch(tmp_path, "features", server)
    assert server.calls["tree"] == 1


def test_an_interrupted_file_goes_on_where_it_ended(tmp_path, server, monkeypatch):
    path = f"{GAMES[0]}/1_ResNET_TF2_PCA512.npy"
    content = server.files[PCA][path] = npy(3000)  # 6 MB
    with monkeypatch.context() as once:
        once.setattr("huggingface_hub.file_download.http_get", broken)
        first = fetch(tmp_path, "features", server)
    assert list(first.failures) == [path]
    assert "no network" in reason(first)
    second = fetch(tmp_path, "features", server)
    assert (second.done, len(second.skipped)) == ([path], 3)
    assert server.requests[path][-1] == f"bytes={len(content) // 2}-"
    assert (tmp_path / path).read_bytes() == content
    assert not (tmp_path / hub.STAGING).exists()


def broken(url, file, *, expected_size, **options):
    """Be ``http_get`` that ends in the middle of a file of more than a megabyte."""
    held = io.BytesIO()
    REAL(url, held, expected_size=expected_size, **options)
    if expected_size <= 1e6:
        file.write(held.getvalue())
        return
    file.write(held.getvalue()[: expected_size // 2])
    raise ConnectionResetError("reset by the server")


def test_a_connection_that_breaks_off_is_made_again(tmp_path, server):
    path = f"{GAMES[0]}/1_ResNET_TF2_PCA512.npy"
    content = server.files[PCA][path] = npy(15_000)  # 30 MB, in chunks of 10
    server.cut.add(path)
    assert fetch(tmp_path, "features", server).failures == {}
    assert (tmp_path / path).read_bytes() == content
    first, second = server.requests[path]
    assert first is None
    assert second.startswith("bytes=")


@pytest.mark.parametrize("what", ["labels", "features"])
def test_other_bytes_than_listed_are_refused(tmp_path, server, what):
    name = {"labels": "Labels-v2.json", "features": "1_ResNET_TF2_PCA512.npy"}[what]
    server.false.add(f"{GAMES[1]}/{name}")
    summary = fetch(tmp_path, what, server)
    assert "another checksum" in reason(summary)
    assert list(summary.failures) == [f"{GAMES[1]}/{name}"]
    assert not (tmp_path / GAMES[1] / name).exists()
    server.false.clear()
    assert fetch(tmp_path, what, server).failures == {}


@pytest.mark.parametrize(
    ("status", "headers", "text"),
    [
        (403, {"X-Error-Code": "GatedRepo"}, "non-disclosure agreement.*hf auth login"),
        (401, {}, "hf auth login"),
        (429, {"Retry-After": "30"}, r"busy \(HTTP 429\).*in 30 s"),
        (503, {}, r"busy \(HTTP 503\).*in a few minutes"),
        (404, {"X-Error-Code": "RepoNotFound"}, "there is no SoccerNet/SoccerNet_raw_HQ"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no branch videos-224p any more"),
        (418, {}, "refuses .HTTP 418"),
    ],
)
def test_what_a_server_may_answer(tmp_path, server, status, headers, text):
    server.refuse[VIDEOS[0]] = status, headers
    summary = fetch(tmp_path, "videos", server)
    assert (len(summary.failures), summary.exit_code) == (4, 3)
    assert re.search(text, reason(summary)), reason(summary)


def test_no_network_and_offline_mode(tmp_path, server, monkeypatch):
    server.server_close()
    server.shutdown()
    assert "no network" in reason(fetch(tmp_path, "labels", server))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "offline mode; unset HF_HUB_OFFLINE" in reason(fetch(tmp_path, "labels", server))


def test_what_is_not_there_says_where_else(tmp_path, server):
    summary = fetch(tmp_path, "features", server, features=["field_calib_ccbv"])
    assert summary.done == [f"{GAMES[0]}/1_field_calib_ccbv.json"]
    assert "branch field-calib-ccbv) has no such file" in reason(summary)
    old = fetch(tmp_path, "features", server, features=["ResNET_5fps_TF2"])
    assert "old server" in reason(old)
    assert "ExtractResNET_TF2 --FPS 5" in reason(old)
    with pytest.raises(UsageError, match="did you mean 'ResNET_TF2_PCA512'"):
        file_names("features", features=["ResNET_TF2_PCA52"])


def test_opensportslab_s_copy(tmp_path, server):
    files = file_names("features")
    summary = download.download(tmp_path, files, ["train"], source="OSL", endpoint=server.address)
    assert (len(summary.done), summary.failures) == (4, {})
    assert np.load(tmp_path / GAMES[0] / "1_ResNET_TF2_PCA512.npy").shape == (1, 512)
    labels = download.download(
        tmp_path, ["Labels-v2.json"], ["train"], source="OSL", endpoint=server.address
    )
    assert "leave out --source" in reason(labels)


def test_every_kind_of_label_and_the_ball_sets(tmp_path, server):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("train/game/Labels-ball.json", "{}")
    server.files["SoccerNet/SN-BAS-2025", "main"] = {"train.zip": held.getvalue()}
    assert fetch(tmp_path, "ball", server).done == ["spotting-ball-2025/train.zip"]
    assert zipfile.is_zipfile(tmp_path / "spotting-ball-2025" / "train.zip")
    assert "there is no SoccerNet/SN-BAS-2024" in reason(fetch(tmp_path, "ball", server, year=2024))
    kinds = ["v1", "v3", "cameras", "caption"]
    server.files[LABELS].update(
        {f"{game}/{hub.LABELS[kind]}": b"{}" for game in GAMES for kind in kinds}
    )
    assert len(fetch(tmp_path, "labels", server, labels=kinds).done) == 8


def test_a_dry_run_says_what_and_how_much(tmp_path, server, capsys):
    files = [*file_names("labels"), *file_names("features")]
    fetch(tmp_path, "labels", server)
    assert dry_run(tmp_path, files, ["train"], "HuggingFace", endpoint=server.address) == 0
    told = capsys.readouterr().out
    assert told.count("_ResNET_TF2_PCA512.npy") == 4
    assert "4 files, 0.00 GB; 2 already there" in told
    assert not list(tmp_path.rglob("*.npy"))
    server.refuse[PCA[0]] = 403, {"X-Error-Code": "GatedRepo"}
    assert dry_run(tmp_path, files, ["train"], "HuggingFace", endpoint=server.address) == 3
    assert "4 files cannot be had: SoccerNet/SN-Features is open" in capsys.readouterr().out
    planned = plan(tmp_path, files, ["train"], endpoint=server.address)
    assert sum(item.there for item in planned.values()) == 2


def test_a_full_disk_is_no_lack_of_network(tmp_path, server, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    assert "No space left" in reason(fetch(tmp_path, "labels", server))


def test_the_lists_of_games_are_those_of_the_labels(monkeypatch, tmp_path):
    monkeypatch.setattr("SoccerNet.utils.getListGames", lambda split, task: [f"{task}/{split}"])
    listed = game_files(tmp_path, ["Labels-v2.json", "Labels-caption.json"], ["test"])
    assert list(listed) == ["spotting/test/Labels-v2.json", "caption/test/Labels-caption.json"]
