"""A run described in a file: what it may hold, what overrides it, what a run writes."""

import pytest
import yaml

from action_spotting.cli import config, export, extract_audio, extract_resnet, spot, train
from action_spotting.errors import InputError, UsageError


def parse(module, tmp_path, text, *words):
    (tmp_path / "run.yaml").write_text(text)
    return module.build_parser().parse_args(["--config", str(tmp_path / "run.yaml"), *words])


def test_options_of_every_form_are_taken_and_overridden(tmp_path):
    text = """
train:
  soccernet_dirpath: a folder
  model_dir: m
  modalities: [FFT, VGGish]
  seed: 3
  overwrite: true
  resume: false
  subtract_half_mean: false
extract-audio: {root_path: data, shard: 2/5, features: FFT}
"""
    found = parse(train, tmp_path, text, "--seed", "4")
    assert (found.soccernet_dirpath, found.modalities) == ("a folder", ["FFT", "VGGish"])
    assert (found.seed, found.overwrite, found.resume) == (4, True, False)
    assert found.subtract_half_mean is False
    assert parse(extract_audio, tmp_path, text).shard == (2, 5)


def test_words_without_an_option_are_those_of_the_file_where_none_are_given(tmp_path):
    text = "spot: {videos: [a.mp4, b.mp4], model_dir: m, out: o}"
    assert [p.name for p in parse(spot, tmp_path, text).videos] == ["a.mp4", "b.mp4"]
    assert [p.name for p in parse(spot, tmp_path, text, "c.mp4").videos] == ["c.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {modalitis: [FFT]}", "did you mean 'modalities'"),
        ("trian: {seed: 1}", "unknown section 'train'; did you mean 'trian'"),
        ("seed: 1", "expected a section a command"),
        ("train: {resume: perhaps}", "resume: expected true or false"),
        ("train: {modalities: {a: 1}}", "expected a value or a list of values"),
        ("train: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, message):
    with pytest.raises((InputError, UsageError), match=message):
        parse(train, tmp_path, text, "--soccernet_dirpath", "d", "--model_dir", "m")


def test_nothing_that_the_file_holds_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        parse(train, tmp_path, "train: {seed: !!python/object/apply:os.system [touch hit]}")
    assert not (tmp_path / "hit").exists()


def test_a_value_is_checked_as_on_the_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse(extract_resnet, tmp_path, "extract-resnet: {FPS: fast}")
    assert "--fps: 'fast' is not a number" in capsys.readouterr().err


def test_what_a_run_writes_gives_the_same_run(tmp_path):
    words = ["--root_path", "data", "--shard", "2/3", "--features", "FFT", "--plot"]
    words += ["--start", "1.5", "--quiet"]
    first = extract_audio.build_parser().parse_args(words)
    (tmp_path / "run.yaml").write_text("train: {seed: 1}")
    config.write(tmp_path, "extract-audio")
    sections = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert sections["train"] == {"seed": "1"}
    assert sections["extract-audio"]["shard"] == "2/3"
    again = extract_audio.build_parser().parse_args(["--config", str(tmp_path / "run.yaml")])
    differing = {k for k, v in vars(first).items() if getattr(again, k) != v}
    assert differing == {"config", "loudness"}


def test_a_file_of_someone_else_is_not_destroyed_by_a_run(tmp_path):
    (tmp_path / "run.yaml").write_text("my notes\n")
    export.build_parser().parse_args(["--Predictions_path", "p", "--export", "csv", "--out", "o"])
    config.write(tmp_path, "export")
    assert (tmp_path / "run.yaml").read_text() == "my notes\n"
