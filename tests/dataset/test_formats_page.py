"""The examples of docs/formats.md are read by what reads the files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.event_files import read_labels, read_predictions, write_predictions
from action_spotting.dataset.feature_types import FEATURE_TYPES
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.rate_text import read_rates, write_rates
from action_spotting.dataset.records import read_record
from action_spotting.dataset.splits import read_splits

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def example(heading: str, language: str = "json") -> str:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]


@pytest.fixture
def put(tmp_path):
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_labels(put):
    labels = read_labels(put("Labels-v2.json", example("Labels-v2.json")))
    assert labels.half.tolist() == [1, 2]
    assert labels.position_ms.tolist() == [754_200, 3000]
    assert labels.visible.tolist() == [True, False]
    assert labels.team.tolist() == ["home", "away"]
    section = PAGE.partition("The classes: ")[2].partition(".\n\n")[0]
    assert tuple(re.findall("`(.*?)`", section)) == ACTIONS_V2


def test_the_lines_that_make_labels_of_a_table(put):
    room: dict = {}
    exec(example("Labels-v2.json", "python"), room)
    text = room["labels_of"](put("t.csv", "half,minute,second,label\n2,1,5,Goal\n"))
    labels = read_labels(put("Labels-v2.json", text))
    assert (labels.half.tolist(), labels.position_ms.tolist()) == ([2], [65_000])


def test_predictions_are_as_we_write_them(put, tmp_path):
    text = example("Predictions-v2.json")
    spots = read_predictions(put("Predictions-v2.json", text))
    assert spots.confidence.tolist() == [0.912044, 0.4301]
    write_predictions(tmp_path / "ours.json", "cup/2026/final", spots)
    assert json.loads((tmp_path / "ours.json").read_text()) == json.loads(text)


def test_splits(put, tmp_path):
    put("splits.json", example("splits.json"))
    assert read_splits(tmp_path)["test"] == ["cup/2026/final"]


def test_a_record_has_the_fields_that_we_write(put, tmp_path):
    text = example("Feature files and their records")
    put("1_FFT.json", text)
    record = read_record(tmp_path / "1_FFT.npy")
    assert record == json.loads(text)
    with write_feature(tmp_path / "2_FFT.npy", 48, record["settings"], record["source"]) as writer:
        writer.append(np.zeros((1, 48)))
    assert read_record(tmp_path / "2_FFT.npy").keys() == record.keys()
    table = re.findall(r"^\| `(\w+)` \| (\d+)[^|]* \| (\d+) \| \D", PAGE, re.MULTILINE)
    for name, width, fps in table:
        known = FEATURE_TYPES.get(name.removesuffix("_PCA512"))
        assert known.fps == float(fps)
        assert known.width == int(width) or name.endswith("_PCA512")
    assert len(table) == 8


def test_the_table_of_released_features_is_the_registry():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (\d+) \| (\d+) \| ([\d.]+)", PAGE, re.MULTILINE)
    told = {
        name: (int(width), float(fps), float(offset_s))
        for names, width, fps, offset_s in rows
        for name in re.findall(r"\w+", names)
    }
    kinds = {name: FEATURE_TYPES[name] for name in told}
    assert told == {name: (k.width, k.fps, k.offset_s) for name, k in kinds.items()}
    assert set(told) >= {"ResNET_5fps_TF2", "baidu_soccer_embeddings", "C3D", "I3D"}


def test_the_rates_of_a_model():
    stored = json.loads(re.findall(r'^\{"rates": .*\}$', PAGE, re.MULTILINE)[0])["rates"]
    assert write_rates(read_rates(stored, [*stored], "formats.md")) == stored
