"""Labels and released features, renamed by nobody, without records, videos or weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_spotting.cli import run, train
from action_spotting.dataset.event_files import read_predictions
from action_spotting.dataset.features import open_feature
from action_spotting.extraction.registry import Pretrained
from action_spotting.io.pretrained import WeightsUnavailable
from action_spotting.pipeline.video import spot_video
from action_spotting.pipeline.video_plan import VideoPlan
from action_spotting.reduction import released
from action_spotting.reduction.files import load_pca, save_pca
from action_spotting.reduction.pca import PCA

ROWS = 120
GAMES = {"train": ["a", "b"], "valid": ["c"], "test": ["d"]}


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder as DownloadSoccerNet leaves it: labels and ``ResNET_TF2_PCA512``."""
    root = tmp_path / "home" / "SoccerNet"
    look = np.random.default_rng(1).normal(size=512) * 2
    for number, game in enumerate(name for names in GAMES.values() for name in names):
        rng, entries = np.random.default_rng(number), []
        (root / game).mkdir(parents=True)
        for half in (1, 2):
            rows = rng.normal(size=(ROWS, 512))
            for second in range(5, 55, 10):
                rows[2 * second - 1 : 2 * second + 2] += look
                position, time = str(1000 * second), f"{half} - 00:{second:02d}"
                entries.append({"gameTime": time, "label": "Corner", "position": position})
            np.save(root / game / f"{half}_ResNET_TF2_PCA512.npy", rows.astype(np.float32))
        labels = {"UrlLocal": f"{game}/", "annotations": entries}
        (root / game / "Labels-v2.json").write_text(json.dumps(labels), encoding="utf-8")
    (root / "splits.json").write_text(json.dumps(GAMES), encoding="utf-8")
    return root


@pytest.fixture
def released_pca(tmp_path, monkeypatch) -> PCA:
    """A cache that holds a stand-in for the released PCA."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(cache))
    rng = np.random.default_rng(0)
    components = np.linalg.qr(rng.normal(size=(2048, 512)))[0].T
    pca = PCA(rng.normal(size=2048), components, np.zeros(2048), np.ones(512), np.ones(512) / 512)
    files = cache / "pca_512_TF2.pkl", cache / "average_512_TF2.pkl"
    save_pca(pca, *files)
    pickles = [
        replace(file, digest=f"git:{git_blob(path.read_bytes())}")
        for file, path in zip(released.PICKLES, files, strict=True)
    ]
    monkeypatch.setattr(released, "PICKLES", pickles)
    return load_pca(*files)


def git_blob(content: bytes) -> str:
    """``git hash-object``, by its definition."""
    import hashlib

    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@pytest.mark.slow
def test_from_a_download_to_the_spots_of_an_own_video(
    root, released_pca, tone_video, tmp_path, capsys
):
    assert run.main(["--soccernet_dirpath", str(root), "--preset", "small", "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "modalities: ResNET_TF2_PCA512; without YOLOv5, VGGish, FFT\n" in said
    home = root.parent
    assert (home / "report.html").exists()
    assert len(read_predictions(home / "predictions" / "d" / "Predictions-v2.json"))
    out = tmp_path / "match"
    plan = VideoPlan((tone_video,), (home / "model",), out, pretrained=Pretrained("random"))
    outcome = spot_video(plan)
    assert outcome.files["predictions"].exists()
    assert any("was made with random weights" in notice for notice in outcome.notices)
    raw, made = (open_feature(out / f"1_{name}.npy") for name in ("ResNET_TF2", released.FEATURE))
    np.testing.assert_allclose(made, released_pca.transform(raw), atol=1e-4)


def test_training_takes_the_modalities_that_the_folder_has(root, tmp_path, capsys, monkeypatch):
    class StopError(Exception):
        pass

    def stop(*given, **named):
        raise StopError(given[4].modalities)

    monkeypatch.setattr("action_spotting.fusion.training.train", stop)
    options = ["--soccernet_dirpath", str(root), "--model_dir", str(tmp_path / "m")]
    with pytest.raises(StopError, match=r"\('ResNET_TF2_PCA512',\)"):
        train.main(options)
    np.save(root / "a" / "1_baidu_soccer_embeddings.npy", np.zeros((60, 8), np.float32))
    np.save(root / "a" / "1_Mine.npy", np.zeros((60, 8), np.float32))
    with pytest.raises(StopError, match="'ResNET_TF2_PCA512', 'baidu_soccer_embeddings'"):
        train.main(options)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "modalities: ResNET_TF2_PCA512",
        "modalities: ResNET_TF2_PCA512, baidu_soccer_embeddings; without Mine (--modalities and "
        "--rate name it and its rate)",
        "resampled to 2 rows a second: baidu_soccer_embeddings (1 from 0.5 s on)",
    ]


def test_the_released_pca_is_named_where_it_cannot_be_had(monkeypatch, tmp_path):
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path))
    gone = [replace(file, url="http://127.0.0.1:9/x") for file in released.PICKLES]
    monkeypatch.setattr(released, "PICKLES", gone)
    with pytest.raises(WeightsUnavailable, match=r"pca_512_TF2\.pkl is not here.*--pca_file"):
        released.released_pca()
