"""What a run checks before it begins, and what it chooses by itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import Half
from action_spotting.dataset.rates import Rate
from action_spotting.errors import SpottingError, UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings
from action_spotting.extraction.registry import Pretrained
from action_spotting.pipeline.check import prepare
from action_spotting.pipeline.model_files import pca_files
from action_spotting.pipeline.plan import Plan
from action_spotting.reduction.files import load_pca, save_pca
from action_spotting.reduction.fitting import fit
from action_spotting.reduction.projection import reduce_files
from action_spotting.visual.onnx_frames import OnnxFrames, PictureSettings

WIDTHS = {
    "Mine": 3,
    "ResNET_TF2": 2048,
    "ResNET_TF2_PCA512": 512,
    "baidu_soccer_embeddings": 8576,
    "FFT": 48,
}


@pytest.fixture
def root(tmp_path) -> Path:
    """A data set of three games, one a split, without media."""
    root = tmp_path / "place" / "data"
    for split in ("train", "valid", "test"):
        (root / split).mkdir(parents=True)
        labels = {"UrlLocal": split, "annotations": []}
        (root / split / "Labels-v2.json").write_text(json.dumps(labels))
    splits = {split: [split] for split in ("train", "valid", "test")}
    (root / "splits.json").write_text(json.dumps(splits))
    return root


def halves(root: Path) -> list[Half]:
    return [Half(root, game, n) for game in ("train", "valid", "test") for n in (1, 2)]


def release(root: Path, name: str, *, rows: int = 4, games=("train", "valid", "test")) -> None:
    """Write features as SoccerNet releases them: without a record."""
    for half in halves(root):
        if half.game in games:
            np.save(half.feature(name), np.ones((rows, WIDTHS[name]), np.float32))


def make(root: Path, name: str, settings: dict, width: int = 4, source: Half | None = None) -> None:
    """Write features as they are made here."""
    for i, half in enumerate(halves(root)):
        clip = half.clip() if source else None
        rows = np.random.default_rng(i).normal(size=(40, width))
        with write_feature(half.feature(name), width, settings, clip) as writer:
            writer.append(rows)


def plan(root: Path, **more) -> Plan:
    home = root.parent
    return Plan(root, home / "model", home / "predictions", home / "report.html", **more)


def prepared(root: Path, **more):
    """Prepare a run; gives what is to be done, and what was said."""
    said: list[str] = []
    return prepare(plan(root, **more), said.append), said


def test_all_that_is_wrong_is_listed_at_once(root):
    release(root, "FFT")
    (root / "report.html").mkdir()
    wrong = {
        "modalities": ("FFT", "VGGsh", "YOLOv5", "C3D"),
        "preset": "ful",
        "test_split": "tset",
        "report": root / "report.html",
    }
    with pytest.raises(UsageError) as caught:
        prepare(Plan(root, root / "m", root / "p", **wrong), lambda line: None)
    text = str(caught.value)
    assert text.startswith("nothing has begun yet:\n  - ")
    for problem in (
        "unknown split 'tset'; did you mean 'test'",
        "unknown modality 'VGGsh'; did you mean 'VGGish'",
        "YOLOv5 is nowhere, and there is no media to make it from",
        "C3D is nowhere, and not made here; see DownloadSoccerNet",
        "unknown preset 'ful'; did you mean 'full'",
        "a folder lies there",
    ):
        assert problem in text
    assert text.count("\n") == 6
    assert not (root / "m").exists()


def test_a_reduction_to_more_numbers_than_there_are_is_told(root):
    release(root, "FFT")
    with pytest.raises(UsageError, match="FFT_PCA64: FFT has only 48 numbers to be reduced"):
        prepared(root, modalities=("FFT_PCA64",))


def test_weights_that_are_missing_are_told_before_the_run(root):
    for half in halves(root):
        (half.folder / f"{half.number}_224p.mkv").write_bytes(b"media")
    with pytest.raises(UsageError, match="YOLOv5 needs an ONNX export"):
        prepared(root, modalities=("YOLOv5", "FFT"))
    weights = Pretrained(yolov5=root / "gone.onnx")
    with pytest.raises(SpottingError, match=r"gone\.onnx"):
        prepared(root, modalities=("YOLOv5", "FFT"), pretrained=weights)


def test_hq_media_without_video_ini_are_told(root):
    for half in halves(root):
        (half.folder / f"{half.number}_HQ.mkv").write_bytes(b"media")
    with pytest.raises(UsageError, match=r"none of the 6 halves .*1_HQ\.mkv: no video\.ini"):
        prepared(root, video="HQ")


def test_what_is_there_is_used_and_no_weights_are_asked_for(root):
    release(root, "ResNET_TF2_PCA512")
    work, said = prepared(root)
    assert work.plan.modalities == ("ResNET_TF2_PCA512",)
    assert said == [
        "modalities: ResNET_TF2_PCA512; without YOLOv5, VGGish, FFT",
        "preset: full, for a data set",
    ]
    assert not work.extractors
    assert not work.lacking
    assert not any(work.reduce.values())
    assert not work.pcas
    assert len(work.there["ResNET_TF2_PCA512"]) == 6


def test_raw_features_are_reduced(root):
    release(root, "ResNET_TF2")
    work, _ = prepared(root)
    assert work.plan.modalities == ("ResNET_TF2_PCA512",)
    assert len(work.reduce["ResNET_TF2_PCA512"]) == 6
    assert not work.extractors


def test_features_of_another_rate_set_the_rate_or_are_resampled(root):
    release(root, "baidu_soccer_embeddings")
    work, _ = prepared(root)
    assert work.plan.modalities == ("baidu_soccer_embeddings",)
    assert work.settings.fps == 1.0
    release(root, "FFT")
    work, said = prepared(root)
    assert work.plan.modalities == ("FFT", "baidu_soccer_embeddings")
    assert work.settings.fps == 2.0
    assert "resampled to 2 rows a second: baidu_soccer_embeddings (1 from 0.5 s on)" in said
    work, said = prepared(root, rates={"baidu_soccer_embeddings": Rate(2.0, 0.5)})
    assert not any("resampled" in line for line in said)


def test_features_of_unknown_rate_are_left_out_and_told(root):
    release(root, "FFT")
    release(root, "Mine")
    make(root, "Recorded", {"fps": 5})
    work, said = prepared(root)
    assert work.plan.modalities == ("FFT", "Recorded")
    assert said[0].endswith("without Mine (--modalities and --rate name it and its rate)")


def test_what_media_lack_is_named_and_the_rest_is_made(root):
    release(root, "FFT", games=("train", "valid"))
    (root / "test" / "1_224p.mkv").write_bytes(b"media")
    work, _ = prepared(root, modalities=("FFT",), preset="small")
    assert list(work.extractors) == ["FFT"]
    assert work.lacking == {Half(root, "test", 1): ["FFT"]}
    assert list(work.absent) == ["test, half 2"]


def test_features_at_a_rate_are_made_where_they_lack(root):
    (root / "test" / "1_224p.mkv").write_bytes(b"media")
    random = Pretrained(resnet="random")
    work, _ = prepared(root, modalities=("ResNET_4fps_TF2",), pretrained=random)
    assert work.lacking == {Half(root, "test", 1): ["ResNET_4fps_TF2"]}
    assert work.extractors["ResNET_4fps_TF2"].settings["fps"] == 4.0
    assert work.settings.fps == 4.0
    with pytest.raises(UsageError, match="unknown modality 'FFT_5fps'"):
        prepared(root, modalities=("FFT_5fps",), preset="small")


def test_features_of_an_onnx_network_are_made_where_they_lack(root, write_network):
    network = write_network(root.parent / "own.onnx", "ReduceMean")
    settings = OnnxFrames(EncoderSettings(network), PictureSettings()).settings
    make(root, "Own", settings, width=3)
    for half in halves(root)[4:]:
        half.feature("Own").unlink()
    (root / "test" / "1_224p.mkv").write_bytes(b"media")
    plain, _ = prepared(root, modalities=("Own",))
    assert (
        "with --onnx it makes" in plain.failures["Own"][str(Half(root, "test", 1).feature("Own"))]
    )
    work, _ = prepared(root, modalities=("Own",), pretrained=Pretrained(onnx=(network,)))
    assert work.lacking == {Half(root, "test", 1): ["Own"]}
    assert work.extractors["Own"].settings == settings


def test_files_made_with_different_settings_are_told(root):
    make(root, "FFT", {"fps": 2, "definition": 1})
    half = halves(root)[3]
    with write_feature(half.feature("FFT"), 4, {"fps": 2, "definition": 2}) as writer:
        writer.append(np.ones((40, 4)))
    with pytest.raises(
        UsageError, match=r"files of FFT cannot be used.*1 in all.*definition is 2, not 1"
    ):
        prepared(root, modalities=("FFT",))


def test_what_would_be_made_must_go_with_what_is_there(root):
    make(root, "FFT", {"fps": 2, "definition": "of long ago"})
    half = halves(root)[0]
    half.feature("FFT").unlink()
    (half.folder / "1_224p.mkv").write_bytes(b"media")
    with pytest.raises(UsageError, match="definition is 'of long ago', not"):
        prepared(root, modalities=("FFT",))


def test_features_of_media_that_were_replaced_cost_their_game_only(root):
    for half in halves(root):
        (half.folder / f"{half.number}_224p.mkv").write_bytes(b"media")
    make(root, "FFT", {"fps": 2}, source=halves(root)[0])
    (root / "test" / "1_224p.mkv").write_bytes(b"another match")
    work, _ = prepared(root, modalities=("FFT",))
    assert list(work.failures["FFT"].values()) == ["made from other media: bytes is 5, not 13"]
    assert len(work.there["FFT"]) == 5


@pytest.fixture
def reduced(root):
    """Features X and their reduction to 2 numbers; gives the PCA."""
    make(root, "X", {"fps": 2})
    pca, _ = fit([half.feature("X") for half in halves(root)], 2)
    pairs = {half.feature("X_PCA2"): half.feature("X") for half in halves(root)}
    reduce_files(pca, pairs)
    return pca


def test_the_model_keeps_the_pca_that_made_the_features_or_none(root, reduced):
    work, _ = prepared(root, modalities=("X_PCA2",))
    assert work.pcas == {}
    save_pca(reduced, *pca_files_of(root.parent))
    work, _ = prepared(root, modalities=("X_PCA2",))
    assert work.pcas["X_PCA2"] == pca_files_of(root.parent)
    halves(root)[0].feature("X_PCA2").unlink()
    work, _ = prepared(root, modalities=("X_PCA2",))
    assert work.reduce["X_PCA2"] == halves(root)[:1]


def test_two_features_reduced_to_one_size_keep_each_its_pca(root, tmp_path):
    make(root, "X", {"fps": 2})
    make(root, "Y", {"fps": 2}, width=5)
    pcas = {name: fit([half.feature(name) for half in halves(root)], 2)[0] for name in "XY"}
    for name, pca in pcas.items():
        save_pca(pca, *pca_files(root.parent / "model", f"{name}_PCA2"))
    work, _ = prepared(root, modalities=("X_PCA2", "Y_PCA2"))
    kept = {name: load_pca(*files).sha256 for name, files in work.pcas.items()}
    assert kept == {f"{name}_PCA2": pca.sha256 for name, pca in pcas.items()}


def test_the_pca_of_another_feature_of_one_size_is_not_taken(root):
    make(root, "X", {"fps": 2})
    pca, _ = fit([half.feature("X") for half in halves(root)], 2)
    save_pca(pca, *pca_files(root.parent / "model", "ResNET_TF2_PCA2"))
    work, _ = prepared(root, modalities=("X_PCA2",))
    assert work.pcas == {}
    assert len(work.reduce["X_PCA2"]) == 6


def pca_files_of(folder: Path) -> tuple[Path, Path]:
    one, other = pca_files(Path(), "X_PCA2")
    return folder / one.name, folder / other.name


def test_another_pca_is_never_mixed_in(root, reduced):
    other, _ = fit([halves(root)[0].feature("X")], 2)
    save_pca(other, *pca_files_of(root.parent))
    halves(root)[0].feature("X_PCA2").unlink()
    with pytest.raises(
        UsageError, match=r"the PCA that made X_PCA2 is not here, so the files that lack \(1\)"
    ):
        prepared(root, modalities=("X_PCA2",))
    save_pca(other, *pca_files(root.parent / "model", "X_PCA2"))
    with pytest.raises(UsageError, match="is not the PCA that made the files of X_PCA2"):
        prepared(root, modalities=("X_PCA2",))


def test_released_reductions_are_not_filled_up_with_a_pca_of_our_own(root):
    release(root, "ResNET_TF2")
    release(root, "ResNET_TF2_PCA512", games=("train", "valid"))
    with pytest.raises(UsageError, match=r"files of ResNET_TF2_PCA512 \(4\) have no record"):
        prepared(root)
    release(root, "ResNET_TF2_PCA512")
    work, _ = prepared(root)
    assert not any(work.reduce.values())
    assert not work.pcas


def test_a_model_folder_of_another_training_is_told_before_the_run(root):
    from action_spotting.fusion.checkpoint import Epoch, Story, write_checkpoint

    release(root, "FFT")
    work, _ = prepared(root, seed=1)
    story = Story(work.settings.as_dict(), ["train"], ["valid"], log=[Epoch(1, 0.5)], best_epoch=1)
    folder = root.parent / "model"
    write_checkpoint(folder, story, {"weight": [], "optimizer": [], "best": []})
    prepared(root, seed=1)
    with pytest.raises(UsageError, match="holds a training with other.*seed was 1, now 0"):
        prepared(root)
    (folder / "checkpoint.npz").rename(folder / "model.json")
    with pytest.raises(UsageError, match="already holds a model; name another --model_dir"):
        prepared(root)
