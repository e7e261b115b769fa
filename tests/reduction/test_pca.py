"""PCA: scikit-learn's numbers from one streaming pass, and pickles that execute nothing."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import decomposition

from action_spotting.cli.reduce import main
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.rates import Rate, rate_of
from action_spotting.dataset.records import read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.reduction.dataset import fit_or_load, pairs_of
from action_spotting.reduction.files import load_pca, plot_variance, read_fitted_on, save_pca
from action_spotting.reduction.fitting import fit
from action_spotting.reduction.pca import PCA, Sums, from_sums
from action_spotting.reduction.projection import reduce_files


def rows(count: int, width: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).standard_normal((width, width)) * np.linspace(3, 0.1, width)
    return (rng.standard_normal((count, width)) @ mixing + 100).astype(np.float32)


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Three feature files of one dataset."""
    paths = [tmp_path / "data" / "l" / "s" / f"g{i}" / "1_X.npy" for i in range(3)]
    for i, path in enumerate(paths):
        with write_feature(path, 24, {"fps": 2}) as writer:
            writer.append(rows(3000 if i == 0 else 200, seed=i))
    return paths


def everything(files) -> np.ndarray:
    return np.concatenate([np.load(path) for path in files])


def sklearn_reduced(data: np.ndarray, n: int) -> np.ndarray:
    """The original's way: subtract the average, fit the full PCA on all rows."""
    data = data.astype(np.float64) - data.mean(axis=0, dtype=np.float64)
    return decomposition.PCA(n, svd_solver="full").fit(data).transform(data)


def test_features_equal_scikit_learns_full_svd(files):
    pca, summary = fit(files, 8)
    assert summary.exit_code == 0
    have, want = pca.transform(everything(files)), sklearn_reduced(everything(files), 8)
    scale = np.abs(want).max()
    np.testing.assert_allclose(np.abs(have), np.abs(want), atol=1e-4 * scale, rtol=0)
    np.testing.assert_allclose(have, want, atol=1e-4 * scale, rtol=0)  # signs too


def test_order_of_files_changes_nothing(files):
    first, _ = fit(files, 8)
    second, _ = fit(files[::-1], 8)
    np.testing.assert_allclose(first.components, second.components, atol=1e-9)
    np.testing.assert_allclose(first.variance, second.variance, rtol=1e-9)


def test_a_fit_is_the_same_to_the_bit_when_repeated(files):
    assert fit(files, 8)[0].sha256 == fit(files, 8)[0].sha256


def test_a_mean_far_larger_than_the_spread_does_no_harm():
    data = np.random.default_rng(0).standard_normal((500, 6)) * [5, 4, 3, 2, 1, 0.5] + 1e6
    sums = Sums(data[:10].mean(axis=0))
    sums.update(data[:200])
    sums.update(data[200:])
    want = decomposition.PCA(6, svd_solver="full").fit(data)
    np.testing.assert_allclose(from_sums(sums, 6).variance, want.explained_variance_, rtol=1e-6)


def test_pickles_are_read_by_scikit_learn_and_by_us(files, tmp_path):
    pca, _ = fit(files, 8)
    names = tmp_path / "p.pkl", tmp_path / "a.pkl"
    save_pca(pca, *names)
    model, average = (pickle.loads(name.read_bytes()) for name in names)  # noqa: S301
    data = everything(files)
    want = pca.transform(data)
    np.testing.assert_allclose(model.transform(data - average), want, atol=1e-3)
    loaded = load_pca(*names)
    assert loaded.sha256 == pca.sha256
    assert (loaded.rows, loaded.settings) == (pca.rows, {"fps": 2})
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_any_protocol_load(files, tmp_path, protocol):
    """As the released ones: a PCA object and an array."""
    data = everything(files)
    average = data.mean(axis=0)
    model = decomposition.PCA(8, svd_solver="full").fit(data - average)
    names = tmp_path / "p.pkl", tmp_path / "a.pkl"
    for name, value in zip(names, (model, average), strict=True):
        name.write_bytes(pickle.dumps(value, protocol))
    np.testing.assert_allclose(
        load_pca(*names).transform(data), model.transform(data - average), atol=1e-3
    )


def test_pickles_of_scikit_learn_load_without_it(files, tmp_path):
    names = tmp_path / "p.pkl", tmp_path / "a.pkl"
    save_pca(fit(files, 8)[0], *names)
    code = (
        "import sys; from pathlib import Path; from action_spotting.reduction.files import "
        "load_pca; print(load_pca(*map(Path, sys.argv[1:])).dims); "
        "assert not any(name.startswith('sklearn') for name in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, names)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "8"


def test_pickles_of_old_packages_load(files, tmp_path):
    """Renamed since: numpy.core became numpy._core, sklearn.decomposition.pca became _pca."""
    data = everything(files)
    model = decomposition.PCA(8, svd_solver="full").fit(data)
    new = pickle.dumps(model, 2)
    old = new.replace(b"numpy._core.", b"numpy.core.").replace(
        b"sklearn.decomposition._pca", b"sklearn.decomposition.pca"
    )
    assert old != new
    (tmp_path / "p.pkl").write_bytes(old)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.zeros(24, np.float32), 2))
    pca = load_pca(tmp_path / "p.pkl", tmp_path / "a.pkl")
    np.testing.assert_allclose(pca.transform(data), model.transform(data), atol=1e-3)


class _Evil:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("where", ["pca", "average"])
def test_what_a_pickle_carries_is_not_executed(files, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    pca, _ = fit(files, 8)
    names = {"pca": tmp_path / "p.pkl", "average": tmp_path / "a.pkl"}
    save_pca(pca, *names.values())
    names[where].write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(InputError, match="which numbers do not need and which is not executed"):
        load_pca(*names.values())
    assert not (tmp_path / "executed").exists()


NINE_ROWS = np.random.default_rng(0).random((9, 5))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a pickle"),
        (b"\x80\x04\x95", "not a pickle"),
        (b"no pickle at all", "not a pickle"),
        (pickle.dumps({"components_": 1}), "holds a dict, expected a PCA"),
        (pickle.dumps(decomposition.PCA(3)), "components_ is not a 2-D array"),
        (pickle.dumps(decomposition.PCA(3, whiten=True).fit(NINE_ROWS)), "whitening"),
        (pickle.dumps(decomposition.PCA(3).fit(NINE_ROWS)), "do not belong together"),
    ],
)
def test_a_wrong_pickle_is_named(tmp_path, content, match):
    (tmp_path / "p.pkl").write_bytes(content)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.zeros(7, np.float32)))
    with pytest.raises(InputError, match=match):
        load_pca(tmp_path / "p.pkl", tmp_path / "a.pkl")
    with pytest.raises(InputError, match="no such file; without --transform_only it is fitted"):
        load_pca(tmp_path / "none.pkl", tmp_path / "a.pkl")


def test_bad_files_are_left_out_and_listed(files, tmp_path):
    nan, wide, text, other = (tmp_path / f"{name}_X.npy" for name in ("nan", "wide", "text", "o"))
    data = rows(3000)
    data[2500, 3] = np.nan
    np.save(nan, data)
    np.save(wide, rows(10, 25))
    text.write_text("x")
    with write_feature(other, 24, {"fps": 1}) as writer:
        writer.append(rows(10))
    missing = tmp_path / "none_X.npy"
    pca, summary = fit([nan, *files, wide, text, missing, other], 8)
    assert pca.sha256 == fit(files, 8)[0].sha256
    assert summary.exit_code == 3
    assert list(summary.failures) == [str(p) for p in (nan, wide, text, missing, other)]
    reasons = "row 2500 .*not finite", "25 numbers a row", "not a whole", "no such", "fps is 1"
    for path, reason in zip((nan, wide, text, missing, other), reasons, strict=True):
        with pytest.raises(InputError, match=reason):
            raise InputError(summary.failures[str(path)])


def test_too_few_rows_or_numbers_are_named(files, tmp_path):
    np.save(tmp_path / "few.npy", rows(8))
    with pytest.raises(InputError, match="8 rows in 1 files, fewer than needed for 8"):
        fit([tmp_path / "few.npy"], 8)
    with pytest.raises(UsageError, match="have only 24"):
        fit(files, 25)
    with pytest.raises(InputError, match="no feature file is usable"):
        fit([tmp_path / "none.npy"], 8)


def test_reducing_skips_redoes_and_records(files, tmp_path):
    pca, _ = fit(files, 8)
    pairs = {path.with_name("1_X_PCA8.npy"): path for path in files}
    first = reduce_files(pca, pairs)
    assert len(first.done) == 3
    target, source = next(iter(pairs.items()))
    np.testing.assert_array_equal(np.load(target), pca.transform(np.load(source)))
    settings = {"features": {"fps": 2}, "pca": {"sha256": pca.sha256, "dims": 8}}
    assert read_record(target)["settings"] == settings
    assert len(reduce_files(pca, pairs).skipped) == 3
    target.write_bytes(target.read_bytes()[:500])
    again = reduce_files(pca, pairs)
    assert (len(again.done), len(again.skipped)) == (1, 2)
    other, _ = fit(files[:1], 8)
    assert all("pca.sha256 is" in text for text in reduce_files(other, pairs).failures.values())
    assert len(reduce_files(other, pairs, overwrite=True).done) == 3


def test_reducing_a_bad_file_stops_only_itself(files, tmp_path):
    pca, _ = fit(files, 8)
    data = rows(10)
    data[4, 1] = np.inf
    np.save(files[0], data)
    pairs = {path.with_name("1_X_PCA8.npy"): path for path in files}
    summary = reduce_files(pca, pairs)
    assert len(summary.done) == 2
    assert "row 4 of the features is not finite" in next(iter(summary.failures.values()))
    assert not files[0].with_name("1_X_PCA8.npy").exists()


def test_a_dataset_is_fitted_once_and_a_pca_is_never_overwritten(files, tmp_path):
    root = tmp_path / "data"
    names = tmp_path / "p.pkl", tmp_path / "a.pkl"
    pca, fitting = fit_or_load(root, "X", *names, dims=8, split="all")
    assert fitting.exit_code == 3  # the second halves are not there
    assert len(fitting.done) == 3
    assert (tmp_path / "p.png").stat().st_size > 5000
    written = names[0].read_bytes()
    loaded, nothing = fit_or_load(root, "X", *names, dims=8, split="all")
    assert nothing is None
    assert loaded.sha256 == pca.sha256
    assert names[0].read_bytes() == written
    with pytest.raises(UsageError, match="has 8 components, --dim_reduction says 512"):
        fit_or_load(root, "X", *names)
    assert len(reduce_files(pca, pairs_of(root, "X", "X_PCA8", "all")).done) == 3
    with pytest.raises(UsageError, match="--features_PCA X"):
        pairs_of(root, "X", "X", "all")


def test_a_pca_of_a_part_says_so_and_is_fitted_anew_when_the_rest_has_come(
    files, tmp_path, capsys, visual_door
):
    main = visual_door("ReduceFeaturesPCA").main
    pca_file, out = tmp_path / "p.pkl", tmp_path / "out"
    command = ["--soccernet_dirpath", str(tmp_path / "data"), "--features", "X", "--fit_split"]
    command += ["all", "--pca_file", str(pca_file), "--scaler_file", str(tmp_path / "a.pkl")]
    command += ["--dim_reduction", "8", "--out_dir_path", str(out)]
    assert main(command) == 3
    assert "note" in capsys.readouterr().out
    part = read_fitted_on(pca_file)
    assert (part.split, part.files, len(part.without)) == ("all", 3, 3)
    assert str(part) == "fitted on 3 of 6 files of all"
    first, reduced = pca_file.read_bytes(), out / "l" / "s" / "g0" / "1_X_PCA8.npy"
    before = reduced.read_bytes()
    for path in files:
        assert main(command) == 3
        assert pca_file.read_bytes() == first
        with write_feature(path.with_name("2_X.npy"), 24, {"fps": 2}) as writer:
            writer.append(rows(300, seed=7))
    assert main([*command, "--keep_pca"]) == 0
    assert pca_file.read_bytes() == first
    capsys.readouterr()
    assert main(command) == 0
    assert "the rest of the split has come" in capsys.readouterr().out
    assert read_fitted_on(pca_file).without == ()
    assert pca_file.read_bytes() != first
    assert reduced.read_bytes() != before
    assert not list((tmp_path / "data").rglob("*PCA8*"))


def test_an_interrupted_save_never_pairs_two_fits(files, tmp_path, monkeypatch):
    names = tmp_path / "p.pkl", tmp_path / "a.pkl"
    save_pca(fit(files, 8)[0], *names)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("action_spotting.reduction.files._as_sklearn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_pca(fit(files[:1], 8)[0], *names)
    assert not names[0].exists()


def test_the_plot_shows_the_variance(files, tmp_path):
    pca, _ = fit(files, 8)
    for name in ("one.png", "two.png"):
        plot_variance(pca, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_the_door_runs_from_end_to_end(files, tmp_path, capsys, visual_door):
    main = visual_door("ReduceFeaturesPCA").main
    root, pickles = tmp_path / "data", ["--pca_file", str(tmp_path / "p.pkl")]
    pickles += ["--scaler_file", str(tmp_path / "a.pkl"), "--dim_reduction", "8"]
    for path in files:
        np.save(path.with_name("2_X.npy"), rows(50))
    command = ["--soccernet_dirpath", str(root), "--features", "X.npy", *pickles]
    assert main([*command, "--fit_split", "all"]) == 0
    assert "fitted" in capsys.readouterr().out
    assert open_feature(files[0].with_name("1_X_PCA8.npy")).shape == (3000, 8)
    assert main([*command, "--transform_only", "--features_PCA", "Y.npy"]) == 0
    assert "loaded" in capsys.readouterr().out
    first, second = (np.load(files[0].with_name(name)) for name in ("1_X_PCA8.npy", "1_Y.npy"))
    np.testing.assert_array_equal(first, second)


def test_the_type_holds_what_it_says():
    pca = PCA(np.zeros(3), np.eye(3)[:2], np.zeros(3), np.ones(2), np.full(2, 0.3))
    assert (pca.width, pca.dims) == (3, 2)
    assert pca.transform(np.array([[1.0, 2, 3]], np.float32)).tolist() == [[1, 2]]


def test_a_reduced_feature_keeps_the_rate_that_its_new_name_does_not_tell(tmp_path):
    source = tmp_path / "1_baidu_soccer_embeddings.npy"
    np.save(source, rows(60))
    pca, _ = fit([source], 4)
    named, own = tmp_path / "1_baidu_soccer_embeddings_PCA4.npy", tmp_path / "1_baidu_PCA4.npy"
    reduce_files(pca, {named: source, own: source})
    assert "rate" not in read_record(named)["settings"]
    for path in (named, own):
        settings = read_record(path)["settings"]
        assert rate_of(path.stem[2:], settings, 2.0) == Rate(1.0, 0.5)
    reduce_files(pca, {own: source}, overwrite=True, rate=Rate(5.0, 0.1))
    assert rate_of("baidu_PCA4", read_record(own)["settings"], 2.0) == Rate(5.0, 0.1)


def test_other_features_have_pickles_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for half in (1, 2):
        path = tmp_path / "data" / "game" / f"{half}_baidu_soccer_embeddings.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows(60, seed=half))
    (tmp_path / "data" / "splits.json").write_text('{"train": ["game"]}')
    options = ["--soccernet_dirpath", "data", "--features", "baidu_soccer_embeddings.npy"]
    options += ["--features_PCA", "baidu_PCA4.npy", "--dim_reduction", "4"]
    options += ["--split", "train", "--fit_split", "train"]
    assert main(options) == 0
    assert open_feature(tmp_path / "data" / "game" / "2_baidu_PCA4.npy", 4).shape == (60, 4)
    pickles = [tmp_path / f"{kind}_4_baidu_soccer_embeddings.pkl" for kind in ("pca", "average")]
    assert all(path.exists() for path in pickles)
    with pytest.raises(UsageError, match="the features that are reduced are baidu_soccer"):
        main([*options, "--rate", "FFT=2"])
