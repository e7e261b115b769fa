"""The dense-anchor head: network, chunks, displacement, suppression, the way from its files."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.published import dense_anchors as da
from action_spotting.fusion.published.importing import import_head
from action_spotting.fusion.published.model import load_published, save_published
from action_spotting.fusion.published.picking import move, pick_dense
from action_spotting.fusion.published.spivak import protocol_of, read_network

from .published_files import (
    WIDTH,
    small_networks,
    u_net,
    write_saved_model,
    write_scaler,
    write_spivak,
)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as patch:
        small_networks(patch)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, dict]:
    """A head as it is published, and its variables."""
    folder = tmp_path_factory.mktemp("spivak")
    return folder, write_spivak(folder)


@pytest.fixture(scope="module")
def head(files):
    """It, imported."""
    return import_head([files[0]])


def run_slowly(rows: np.ndarray, arrays: dict, output: str) -> np.ndarray:
    """Chunk after chunk as the authors lay them; later ones overwrite what is there."""
    count, start, last = len(rows), 0, False
    result = np.zeros((count, 17))
    while not last:
        here = min(224, count - start)
        chunk = np.zeros((224, rows.shape[1]))
        chunk[:here] = rows[start : start + here]
        last = start >= count - 224
        first, end = 100 if start else 0, here if last else here - 100
        result[start + first : start + end] = u_net(chunk, arrays, output)[first:end]
        start = min(start + 24, count - 224)
    return result


@pytest.mark.slow
def test_networks_chunks_and_scale_are_the_published_ones(files, head, tmp_path):
    arrays = files[1]
    save_published(tmp_path / "model", head)
    again = load_published(tmp_path / "model")
    assert again.settings == head.settings
    scale = head.arrays["scale"]
    rng = np.random.default_rng(0)
    for count in (1, 225, 260):
        rows = rng.gamma(0.6, 3.0, (count, WIDTH)).astype("f4")
        found = again.score_rows({"ResNET_TF2": rows})
        wanted = [run_slowly(rows / scale, arrays[k], k) for k in ("confidence", "delta")]
        np.testing.assert_allclose(found.logits, wanted[0], atol=1e-5)
        np.testing.assert_allclose(found.displacement_s, 6 * np.tanh(wanted[1]), atol=1e-5)


def test_chunks_lie_as_published():
    for rows in (1, 224, 225, 247, 248, 249, 448, 5400):
        starts = da.chunk_starts(rows)
        chunks = np.arange(len(starts), dtype=float)[:, None, None] + np.zeros((1, 224, 1))
        joined = da.join_chunks(chunks, starts, rows)[:, 0]
        assert len(joined) == rows
        assert (joined[:124] == 0).all() or rows < 348
        assert (joined[-124:] == len(starts) - 1).all()
    assert len(da.chunk_starts(5400)) == 217


def suppress_slowly(track: np.ndarray) -> np.ndarray:
    """Soft suppression over 4 s as it is published: radius of 8 rows, down to 1e-5."""
    left, found = track.copy(), np.full(len(track), -1.0)
    while left.max() >= 1e-5:
        i = int(np.argmax(left))
        found[i] = left[i]
        left *= np.clip(np.abs(np.arange(len(left)) - i) / 8, 0, 1)
        left[i] = -1
    return found


def test_displacement_and_suppression_are_the_published_ones():
    rng = np.random.default_rng(3)
    confidence, delta = rng.random((90, 3)) ** 4, rng.uniform(-12, 12, (90, 3))
    delta[5], delta[6], delta[0] = 0.5, 1.5, -9.0
    moved = np.zeros((90, 3))
    for i in range(90):
        for c in range(3):
            target = min(max(i + int(np.rint(delta[i, c])), 0), 89)
            moved[target, c] = max(moved[target, c], confidence[i, c])
    np.testing.assert_array_equal(move(confidence, delta), moved)
    peaks = pick_dense(moved, fps=2.0, window_s=4.0, soft=True, floor=1e-5)
    found = np.full((90, 3), -1.0)
    found[(2 * peaks.time_s).astype(int), peaks.label] = peaks.confidence
    np.testing.assert_array_equal(found, np.column_stack([suppress_slowly(t) for t in moved.T]))


@pytest.mark.slow
def test_layers_are_found_by_number_where_they_have_no_names(files, tmp_path):
    wanted = files[1]["confidence"]
    folder = tmp_path / "spotting_test_resnet_normalized_confidence_zoo/best_model"
    output, found = read_network(write_saved_model(folder, wanted, named=False), 17)
    assert output == "confidence"
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.slow
def test_the_confidence_alone_is_suppressed_as_its_authors_do(files):
    folder = files[0]
    scaler, confidence = folder / "resnet_normalizer.pkl", next(folder.glob("*confidence*"))
    settings = import_head([confidence, scaler]).settings
    assert (settings.moves, settings.soft_nms, settings.nms_window_s) == (False, False, 10.0)
    assert settings.origin.protocol == "trained on train, validated on valid; test unseen"
    with pytest.raises(UsageError, match="both hold the confidence network"):
        import_head([confidence, confidence, scaler])
    with pytest.raises(UsageError, match="the confidence network is missing"):
        import_head([next(folder.glob("*delta*")), scaler])
    with pytest.raises(UsageError, match=r"one normaliser is needed \(resnet_normalizer.pkl\)"):
        import_head([confidence])


def test_the_games_of_the_training_are_read_from_the_folder():
    assert "not honest" in protocol_of(Path("spotting_challenge_validated_resnet_x/best_model"))
    assert "valid and test" in protocol_of(Path("models/spotting_challenge_resnet_x/last_model"))
    assert protocol_of(Path("my_model")).startswith("unknown games")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda a: a.pop("td_layer0_block0_expand/bias"),
            "block0_expand/bias is missing",
        ),
        (lambda a: a.update({"bu_layer0_block0_reduce/bias": np.zeros(3, "f4")}), "has shape"),
        (lambda a: [a.pop(n) for n in list(a)[5:]], "is missing.* and .* more"),
        (lambda a: (a.clear(), a.update({"dense/kernel": np.zeros((4, 4), "f4")})), "neither the"),
    ],
)
def test_variables_of_another_network_are_refused(change, match, files, tmp_path):
    arrays = dict(files[1]["confidence"])
    change(arrays)
    name = "another" if len(arrays) == 1 else "spotting_test_resnet_confidence_zoo"
    write_saved_model(tmp_path / name, arrays)
    write_scaler(tmp_path / "resnet_normalizer.pkl")
    with pytest.raises(InputError, match=match):
        import_head([tmp_path])


@pytest.mark.slow
def test_a_scaler_with_code_in_it_is_named_and_not_run(files, tmp_path):
    confidence = next(files[0].glob("*confidence*"))
    harm = tmp_path / "harm"

    class Touch:
        def __reduce__(self) -> tuple:
            return Path.touch, (harm,)

    path = tmp_path / "resnet_normalizer.pkl"
    path.write_bytes(pickle.dumps(Touch()))
    with pytest.raises(InputError, match="which numbers do not need and which is not executed"):
        import_head([confidence, path])
    assert not harm.exists()
    write_scaler(path, 512)
    with pytest.raises(InputError, match="takes rows of 2048 numbers, .* is for 512"):
        import_head([confidence, path])


@pytest.mark.slow
def test_features_of_another_width_and_rows_that_are_missing(head):
    with pytest.raises(InputError, match=r"has shape \(9, 512\), expected \(rows, 2048\)"):
        head.score_rows({"ResNET_TF2": np.zeros((9, 512), "f4")})
    with pytest.raises(UsageError, match="the head takes ResNET_TF2, which is not given"):
        head.score_rows({"FFT": np.zeros((9, 48), "f4")})
    rows = np.zeros((30, WIDTH), "f4")
    whole = head.score_rows({"ResNET_TF2": rows})
    rows[4] = np.nan
    np.testing.assert_array_equal(head.score_rows({"ResNET_TF2": rows}).logits, whole.logits)
