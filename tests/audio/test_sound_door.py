"""The sound door, used as people use it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from action_spotting.audio.extractors import fft_extractor, vggish_extractor
from action_spotting.audio.fft import COLUMN
from action_spotting.audio.plot import plot_sound
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip

from .conftest import clicks

DOOR = Path(__file__).parents[2] / "audio-features-extraction" / "extract_features.py"
GAME = "league/2020-2021/A 1 - 0 B"


def load_door():
    spec = importlib.util.spec_from_file_location("extract_features", DOOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


door = load_door()


@pytest.fixture
def game(tmp_path, film, silent_video) -> Path:
    """A dataset of one game: half 1 with sound, half 2 without."""
    film(f"data/{GAME}/1_224p.mkv")
    (tmp_path / "data" / GAME / "2_224p.mp4").write_bytes(silent_video.read_bytes())
    labels = {"gameTime": "1 - 00:02", "label": "Goal", "position": "2000", "team": "home"}
    (tmp_path / "data" / GAME / "Labels-v2.json").write_text(
        json.dumps({"UrlLocal": GAME, "annotations": [labels]})
    )
    return tmp_path / "data"


def fft(root: Path, *options: object) -> int:
    return door.main(["--root_path", str(root), "--features", "FFT", *map(str, options)])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".npy", ".json", ".png", ".wav") and "Labels" not in path.name
    }


def test_help_is_quick():
    result = subprocess.run(
        [sys.executable, str(DOOR), "--help"], capture_output=True, text=True, timeout=20
    )
    assert result.returncode == 0
    assert "tensorflow" not in result.stderr
    for option in ("--root_path", "--out_dir_path", "--resampler", "--shard", "--path_video"):
        assert option in result.stdout


def test_a_dataset_is_done_once_and_told(game, capsys):
    assert fft(game, "--plot") == 0
    told = capsys.readouterr().out
    assert "FFT: 2 made, 0 already there, 0 failed" in told
    assert "2_FFT.npy: no sound track: all rows are silence" in told
    rows = np.load(game / GAME / "1_FFT.npy")
    assert rows.shape == (12, 48)
    assert np.load(game / GAME / "2_FFT.npy")[:, COLUMN["silent"]].all()
    assert (game / GAME / "1_FFT.png").read_bytes().startswith(b"\x89PNG")
    before = contents(game)
    assert fft(game) == 0
    assert "0 made, 2 already there" in capsys.readouterr().out
    assert contents(game) == before


@pytest.mark.slow
def test_the_same_bytes_however_it_is_run(game, tmp_path):
    assert fft(game, "--out_dir_path", tmp_path / "one", "--plot", "--keep_wav") == 0
    for part in ("1/2", "2/2"):
        options = ("--num_workers", 2, "--shard", part, "--plot", "--keep_wav")
        assert fft(game, "--out_dir_path", tmp_path / "two", *options) == 0
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert set(one) == {
        f"{GAME}/{half}_FFT{suffix}"
        for half in (1, 2)
        for suffix in (".npy", ".json", ".png", ".wav")
    }
    rate, samples = scipy.io.wavfile.read(tmp_path / "one" / GAME / "1_FFT.wav")
    assert (rate, samples.dtype) == (16000, np.int16)


def test_what_a_killed_run_left_is_made_anew(game, capsys):
    assert fft(game) == 0
    whole = contents(game)
    target = game / GAME / "1_FFT.npy"
    target.write_bytes(target.read_bytes()[:500])
    target.with_name(".1_FFT.part.npy").write_bytes(b"left over")
    assert fft(game) == 0
    assert "1 made, 1 already there" in capsys.readouterr().out
    assert contents(game) == whole


def test_the_number_of_rows_does_not_depend_on_what_else_is_there(game):
    with write_feature(game / GAME / "1_ResNET_TF2.npy", 4, {"fps": 2}) as writer:
        writer.append(np.zeros((11, 4)))
    assert fft(game) == 0
    assert len(np.load(game / GAME / "1_FFT.npy")) == 12
    assert len(np.load(game / GAME / "2_FFT.npy")) == 4


def test_a_broken_file_stops_only_itself(game, capsys):
    (game / GAME / "2_224p.mp4").write_bytes(b"")
    assert fft(game) == 3
    told = capsys.readouterr().out
    assert "1 made, 0 already there, 1 failed" in told
    assert "2_224p.mp4: the file is empty (0 bytes)" in told
    assert (game / GAME / "1_FFT.npy").exists()


def test_hq_media_begin_where_video_ini_says(game, film):
    film(f"data/{GAME}/1_HQ.mkv")
    ini = "[1_HQ.mkv]\nstart_time_second = 2\nduration_second = 3\n"
    (game / GAME / "video.ini").write_text(ini)
    assert fft(game, "--video", "HQ") == 3  # half 2 has no section
    assert len(np.load(game / GAME / "1_FFT.npy")) == 6


@pytest.mark.slow
def test_other_settings_are_refused_until_overwritten(game, capsys):
    assert fft(game) == 0
    assert fft(game, "--resampler", "resampy") == 3
    assert "resampler is 'soxr HQ', not 'resampy kaiser_best'" in capsys.readouterr().out
    assert fft(game, "--resampler", "resampy", "--overwrite") == 0


def test_any_folder_of_media(tmp_path, film, wav, capsys):
    film("films/a.mp4")
    wav(clicks(2), name="films/deep/b.wav")
    assert fft(tmp_path / "films", "--out_dir_path", tmp_path / "out", "--keep_wav") == 0
    made = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.npy")
    )
    assert made == ["a_FFT.npy", "deep/b_FFT.npy"]
    assert fft(tmp_path / "films", "--keep_wav") == 0
    assert fft(tmp_path / "films") == 0
    assert "0 made, 2 already there" in capsys.readouterr().out
    wav(clicks(1), name="films/a.wav")
    with pytest.raises(UsageError, match=r"would both give a_FFT\.npy; rename one"):
        fft(tmp_path / "films")
    with pytest.raises(UsageError, match="--split and --game_ID mean nothing"):
        fft(tmp_path / "films", "--split", "test")


def test_one_file(film, tmp_path):
    path = film("match.mkv")
    one = ["--path_video", str(path), "--features", "FFT"]
    assert door.main([*one, "--path_features", str(tmp_path / "x.npy"), "--duration", "2"]) == 0
    assert len(np.load(tmp_path / "x.npy")) == 4
    assert door.main(one) == 0
    assert len(np.load(tmp_path / "match_FFT.npy")) == 12


def test_commands_that_do_not_work(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="nothing to work on: give --root_path"):
        door.main(["--features", "FFT"])
    with pytest.raises(UsageError, match="does not exist"):
        fft(tmp_path / "none")
    with pytest.raises(UsageError, match="no media in it"):
        fft(tmp_path)
    with pytest.raises(UsageError, match="add FFT to --features"):
        door.main(["--root_path", str(tmp_path), "--features", "VGGish", "--plot"])
    with pytest.raises(UsageError, match="one file, but --features asks for several"):
        one = ["--path_video", str(tmp_path / "a.mkv"), "--path_features", str(tmp_path / "x.npy")]
        door.main([*one, "--weights", "random"])
    for wrong in (("--batch_size", "0"), ("--start", "-1"), ("--duration", "nan")):
        with pytest.raises(SystemExit, match="2"):
            fft(tmp_path, *wrong)


def test_the_two_variables_people_edit_still_count(game, tmp_path, monkeypatch):
    monkeypatch.setattr(door, "ROOT_PATH", str(game))
    monkeypatch.setattr(door, "OUT_DIR_PATH", str(tmp_path / "out"))
    assert door.main(["--features", "FFT"]) == 0
    assert (tmp_path / "out" / GAME / "1_FFT.npy").exists()


def test_the_picture_marks_each_label(game):
    rows = np.zeros((20, 48), np.float32)
    events = Events(np.array([1, 1, 2]), np.array([2000, 4000, 1000]), np.array([2, 10, 2]))
    figure = plot_sound(rows, events, half=1)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Goal", "Foul"]
    lines = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert lines == [2 / 60, 4 / 60]


@pytest.mark.slow
def test_vggish_through_the_door(game, capsys):
    options = ["--root_path", str(game), "--weights", "random", "--batch_size", "8"]
    assert door.main(options) == 0
    rows = np.load(game / GAME / "1_VGGish.npy")
    assert rows.shape == (12, 512)
    assert np.load(game / GAME / "1_FFT.npy").shape == (12, 48)
    silent = np.load(game / GAME / "2_VGGish.npy")
    np.testing.assert_array_equal(silent, silent[:1].repeat(len(silent), axis=0))
    record = json.loads((game / GAME / "1_VGGish.json").read_text())
    assert record["settings"]["weights"] == {"random": "seed 0"}
    assert record["settings"]["variant"] == "soccer"


@pytest.mark.slow
def test_weights_that_are_not_there(game, tmp_path):
    with pytest.raises(UsageError, match="no such file or checkpoint"):
        door.main(["--root_path", str(game), "--weights", str(tmp_path / "none.ckpt")])
    with pytest.raises(
        UsageError, match="unknown variant of VGGish 'socer'; did you mean 'soccer'"
    ):
        vggish_extractor(weights="random", variant="socer")


def test_too_short_a_sound_is_an_error(wav, tmp_path):
    job = job_of_clip(Clip(wav(clicks(0.3))), ["FFT"])
    with pytest.raises(InputError, match="gives no row; is it too short"):
        extract_all({"FFT": fft_extractor}, [job], fail_fast=True)
    assert not list(tmp_path.glob("*FFT*"))
