"""The manifest of a dataset folder: what is done, missing, stale and broken, to the file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import Half
from action_spotting.errors import UsageError
from action_spotting.io.locks import claim
from action_spotting.pipeline.status import survey

DOOR = Path(__file__).parents[2] / "Models" / "RunPipeline.py"
LABELS = {"UrlLocal": "", "annotations": []}


def make(half, name, settings):
    with write_feature(half.feature(name), 4, settings) as writer:
        writer.append(np.ones((3, 4)))


@pytest.fixture
def root(tmp_path):
    """Three games of two splits, all done; one more game is not there."""
    splits = {"train": ["a", "b"], "test": ["c", "gone"], "valid": ["absent"]}
    root = tmp_path / "data"
    for game in ("a", "b", "c"):
        (root / game).mkdir(parents=True)
        (root / game / "Labels-v2.json").write_text(json.dumps(LABELS))
        for number in (1, 2):
            half = Half(root, game, number)
            (root / game / f"{number}_224p.mkv").write_bytes(b"media")
            make(half, "X", {"fps": 2})
            make(half, "X_PCA2", {"features": {"fps": 2}, "pca": {"dims": 2}})
    (root / "splits.json").write_text(json.dumps(splits))
    return root


def test_what_is_done_and_what_is_missing_is_counted_by_split(root):
    manifest = survey(root, ["X_PCA2"])
    assert manifest.games == {"train": 2, "test": 2}
    assert list(manifest.findings["train"]) == ["media", "labels", "X", "X_PCA2"]
    assert manifest.counts("train", "X")["done"] == 4
    assert manifest.counts("test", "X_PCA2") | {"done": 0} == {
        **dict.fromkeys(("done", "in work", "stale", "broken"), 0),
        "missing": 2,
    }
    assert manifest.counts("test", "labels")["missing"] == 1
    assert manifest.exit_code == 0


def test_stale_broken_and_claimed_files_are_told_apart(root):
    make(Half(root, "a", 1), "X", {"fps": 5})
    (root / "a" / "2_X.npy").write_bytes(b"\x93NUMPY")
    (root / "b" / "1_X.json").write_text("{")
    (root / "b" / "2_X.npy").unlink()
    (root / "b" / "1_224p.mkv").write_bytes(b"")
    (root / "c" / "Labels-v2.json").write_text("{")
    with claim(root / "b" / "2_X.npy"):
        manifest = survey(root, ["X"])
    assert list(manifest.counts("train", "X").values()) == [0, 1, 0, 1, 2]
    assert f"process {os.getpid()}" in manifest.problems("in work")["b/2_X.npy"]
    assert manifest.problems("stale") == {"a/1_X.npy": "made with other settings: fps is 5, not 2"}
    assert set(manifest.problems("broken")) == {
        "a/2_X.npy",
        "b/1_X.npy",
        "b, half 1",
        "c/Labels-v2.json",
    }
    assert manifest.exit_code == 3
    assert "stale    a/1_X.npy: made with other settings" in str(manifest)


def test_a_reduced_feature_is_stale_when_its_source_was_made_anew(root):
    for game in ("a", "b", "c"):
        for number in (1, 2):
            make(Half(root, game, number), "X", {"fps": 5})
    manifest = survey(root, ["X_PCA2"])
    assert manifest.counts("train", "X")["stale"] == 0
    assert manifest.counts("train", "X_PCA2")["stale"] == 4
    assert "features.fps is 2, not 5" in manifest.problems("stale")["a/1_X_PCA2.npy"]


def test_features_of_other_media_are_stale_unless_those_of_another_quality_are_there(root):
    half = Half(root, "a", 1)
    for name in ("X", "Y"):
        with write_feature(half.feature(name), 4, {"fps": 2}, half.clip()) as writer:
            writer.append(np.ones((3, 4)))
    assert survey(root, ["X"], video="720p").exit_code == 0
    (root / "a" / "1_224p.mkv").write_bytes(b"another match")
    manifest = survey(root, ["X"])
    assert manifest.problems("stale") == {"a/1_X.npy": "made from other media: bytes is 5, not 13"}
    assert manifest.exit_code == 3


def test_released_features_without_a_record_are_taken_as_they_are(root):
    (root / "a" / "1_X.json").unlink()
    assert survey(root, ["X"]).exit_code == 0


def test_predictions_are_counted_where_there_is_a_folder_for_them(root, tmp_path):
    path = tmp_path / "out" / "c" / "Predictions-v2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"UrlLocal": "c", "predictions": []}))
    counts = survey(root, ["X"], results=tmp_path / "out").counts("test", "predictions")
    assert (counts["done"], counts["missing"]) == (1, 1)


def test_a_folder_of_absent_games_is_named(root):
    (root / "splits.json").write_text(json.dumps({"train": ["nowhere"]}))
    with pytest.raises(UsageError, match="no game of any split is there"):
        survey(root, ["X"])


def test_the_door_prints_the_table_writes_json_and_loads_no_network(root, tmp_path):
    code = (
        f"import sys, runpy; sys.argv = [{str(DOOR)!r}, '--soccernet_dirpath', {str(root)!r}, "
        f"'--modalities', 'X_PCA2', '--status_json', {str(tmp_path / 's.json')!r}]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train: X_PCA2" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
    content = json.loads((tmp_path / "s.json").read_text())
    assert content["splits"]["train"]["stages"]["X"]["done"] == 4
    assert content["settings"]["X"] == {"fps": 2}
    assert not (root / "runs.jsonl").exists()
