"""Published heads by name: asked for, verified, imported, kept; what is said without a network."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from action_spotting.errors import UsageError
from action_spotting.fusion.prediction import load_models
from action_spotting.fusion.published import fetching
from action_spotting.fusion.published.catalogue import ENTRIES, Entry, HostedFile, catalogue_text
from action_spotting.fusion.published.fetching import fetch_head, model_folders
from action_spotting.fusion.published.notes import notes_of, write_notice
from action_spotting.fusion.published.settings import Origin
from action_spotting.io.pretrained import WeightsUnavailable

from .published_files import write_torch

REVISION = "v1"


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Host(http.server.SimpleHTTPRequestHandler):
    """Answers as Hugging Face does: a listing of a revision, and its files."""

    def do_GET(self) -> None:
        root = Path(self.directory)
        if self.path.startswith("/api/models/"):
            paths = [p for p in sorted((root / "files").rglob("*")) if p.is_file()]
            listing = []
            for path in paths:
                data, name = path.read_bytes(), path.relative_to(root / "files").as_posix()
                entry = {"type": "file", "path": name, "oid": git_blob(data), "size": len(data)}
                if path.suffix != ".yaml":
                    entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
                listing.append(entry)
            data = json.dumps([*listing, {"type": "directory", "path": "x", "oid": "0"}]).encode()
        else:
            path = root / "files" / self.path.partition(f"/resolve/{REVISION}/")[2]
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hosted(tmp_path, monkeypatch) -> Path:
    """A host with one head, and an empty cache; gives the host's files."""
    files = tmp_path / "host" / "files"
    (files / "sub").mkdir(parents=True)
    state = {"fc.weight": np.zeros((18, 512), "f4"), "fc.bias": np.arange(18, dtype="f4")}
    write_torch(files / "best.ckpt", state)
    (files / "config.yaml").write_text("DATA: {window_size: 10}\nNMS_window: 12\n")
    (files / "README.md").write_text("a card")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Host, directory=str(tmp_path / "host"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path / "cache"))
    entry = Entry(
        "max-zoo",
        "MaxPool",
        "ResNET_TF2_PCA512",
        Origin(name="max-zoo", licence="CC0", scores="test: loose 1.0"),
        repository="someone/heads",
        revision=REVISION,
        listed=True,
    )
    monkeypatch.setitem(ENTRIES, "max-zoo", entry)
    yield files
    server.shutdown()


def test_a_head_is_fetched_verified_imported_and_used_offline_from_then_on(
    hosted, tmp_path, monkeypatch
):
    folder = fetch_head("max-zoo")
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "model.json",
        "weights.npz",
    ]
    models = load_models([folder])
    settings = models.models[0].settings
    assert (settings.chunk_rows, settings.nms_window_s) == (20, 6.0)
    assert (settings.origin.licence, settings.origin.scores) == ("CC0", "test: loose 1.0")
    (told,) = notes_of(models.models, {"ResNET_TF2_PCA512": None})
    assert told.startswith("max-zoo is a published head, CC0; by S. Giancola")
    _, warned = notes_of(
        models.models, {"ResNET_TF2_PCA512": {"features": {"weights": {"random": "seed 0"}}}}
    )
    assert "made with random weights" in warned
    notice = write_notice(tmp_path, models.models)
    assert notice is not None
    assert "licence: CC0" in notice.read_text()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch_head("max-zoo") == folder
    (folder / "model.json").unlink()  # the files are enough
    assert load_models([fetch_head("max-zoo")]).classes == models.classes


def test_without_a_network_it_is_said_what_goes_where(hosted, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        WeightsUnavailable, match=r"refused.*PyTorch's and config.yaml of http"
    ) as told:
        fetch_head("max-zoo")
    place = tmp_path / "cache/heads/max-zoo/files"
    assert str(place) in str(told.value)
    place.mkdir(parents=True)
    for name in ("best.ckpt", "config.yaml"):
        (place / name).write_bytes((hosted / name).read_bytes())
    assert load_models([fetch_head("max-zoo")]).models[0].settings.chunk_rows == 20


def test_a_wrong_checksum_is_told(hosted, tmp_path, monkeypatch):
    entry = ENTRIES["max-zoo"]
    known = Entry(
        "known",
        *(entry.kind, entry.modality, entry.origin),
        (HostedFile("best.ckpt", "sha256:00"), HostedFile("config.yaml")),
        *(entry.repository, entry.revision),
    )
    monkeypatch.setitem(ENTRIES, "known", known)
    with pytest.raises(
        WeightsUnavailable, match=r"sha256 is .*, expected 00.*put it at .*best\.ckpt"
    ):
        fetch_head("known")
    place = tmp_path / "cache/heads/known/files/best.ckpt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"another")
    with pytest.raises(UsageError, match="sha256 is .*, expected 00.*: delete it"):
        fetch_head("known")


def test_a_file_that_was_renamed_is_told(hosted, monkeypatch):
    entry = ENTRIES["max-zoo"]
    files = (HostedFile("old/name.ckpt"),)
    moved = Entry("moved", entry.kind, "ResNET_TF2", entry.origin, files, "someone/heads", REVISION)
    monkeypatch.setitem(ENTRIES, "moved", moved)
    with pytest.raises(UsageError, match=r"has no old/name.ckpt: it was moved or renamed"):
        fetch_head("moved")


def test_without_a_name_the_best_that_can_be_had_is_taken_and_named(hosted, monkeypatch, tmp_path):
    monkeypatch.setattr(fetching, "BEST_FIRST", ("gone", "max-zoo"))
    gone = Entry(
        "gone", "", "ResNET_TF2", Origin(), (HostedFile("a.ckpt", "md5:0", "http://127.0.0.1:9/a"),)
    )
    monkeypatch.setitem(ENTRIES, "gone", gone)
    folders, notes = model_folders([])
    assert [folder.name for folder in folders] == ["max-zoo"]
    assert (
        notes[0] == "no --model: max-zoo of the published heads, published scores: test: loose 1.0"
    )
    assert notes[1].startswith("instead of a better one: heads/gone/files/a.ckpt is not here")
    monkeypatch.setattr(fetching, "BEST_FIRST", ("gone",))
    with pytest.raises(WeightsUnavailable, match="no published head can be had; of the best: "):
        model_folders([])
    assert model_folders([str(tmp_path)])[0] == [tmp_path]
    with pytest.raises(UsageError, match="did you mean 'maxpool-v1'"):
        model_folders(["maxpool-1"])


def test_the_catalogue_says_what_is_known_and_what_not():
    text = catalogue_text()
    for entry in ENTRIES.values():
        assert entry.name in text
        assert entry.origin.licence
        assert entry.origin.protocol
        assert entry.address.startswith("https://")
        assert all(file.url or entry.repository for file in entry.files)
    assert "none published on ResNet features alone" in text
    digests = [f.digest for e in ENTRIES.values() for f in e.files]
    assert {d.partition(":")[0] for d in digests} == {"", "git", "sha256"}
