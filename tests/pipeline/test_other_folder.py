"""A data set that cannot be written to: all goes into another folder, the same to the byte."""

import os
import shutil
from pathlib import Path

import pytest

from action_spotting.cli import extract_audio, extract_resnet, reduce
from action_spotting.dataset.roots import look_in


@pytest.fixture
def data(tone_video, tmp_path) -> Path:
    """Two games of sound and picture."""
    for game in ("a", "b"):
        for half in (1, 2):
            path = tmp_path / "data" / "cup" / game / f"{half}.mkv"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tone_video, path)
    yield tmp_path / "data"
    look_in(tmp_path / "data", [])


def chain(root: Path, pickles: Path, *places: str) -> None:
    names = ["--pca_file", str(pickles / "p.pkl"), "--scaler_file", str(pickles / "a.pkl")]
    assert extract_audio.main(["--root_path", str(root), "--features", "FFT", *places]) == 0
    words = ["--soccernet_dirpath", str(root), "--features", "FFT", "--dim_reduction", "4"]
    assert reduce.main([*words, "--fit_split", "all", *names, *places]) == 0


def made(folder: Path) -> dict[str, bytes]:
    files = [*folder.rglob("*_FFT*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_chain_over_a_read_only_data_set_gives_the_same_bytes(data, tmp_path):
    usual = tmp_path / "usual"
    shutil.copytree(data, usual)
    chain(usual, tmp_path / "p1")
    before = sorted(path.as_posix() for path in data.rglob("*"))
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        chain(data, tmp_path / "p2", "--out_dir_path", str(tmp_path / "out"))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert sorted(path.as_posix() for path in data.rglob("*")) == before
    assert made(tmp_path / "out") == made(usual)
    assert len(made(usual)) == 16
    assert {"runs.jsonl", "run.yaml"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert (tmp_path / "p1" / "p.pkl").read_bytes() == (tmp_path / "p2" / "p.pkl").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="/proc")
def test_a_place_that_cannot_be_written_to_is_named_with_its_option(data, capsys):
    from action_spotting.errors import UsageError

    words = ["--root_path", str(data), "--features", "FFT", "--out_dir_path", "/proc/nowhere"]
    with pytest.raises(UsageError, match=r"cannot write /proc/nowhere.*\(--out_dir_path\)"):
        extract_audio.main(words)


@pytest.mark.slow
def test_two_rates_lie_side_by_side(data):
    words = ["--soccernet_dirpath", str(data), "--weights", "random", "--GPU", "-1"]
    words += ["--game_ID", "0", "--engine", "tensorflow"]
    assert extract_resnet.main(words) == 0
    assert extract_resnet.main([*words, "--FPS", "1"]) == 0
    names = sorted(path.name for path in (data / "cup" / "a").glob("1_*.npy"))
    assert names == ["1_ResNET_1fps_TF2.npy", "1_ResNET_TF2.npy"]
