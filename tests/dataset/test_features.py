import json

import numpy as np
import pytest

from action_spotting.dataset.features import (
    State,
    feature_state,
    open_feature,
    write_feature,
)
from action_spotting.dataset.layout import Half
from action_spotting.dataset.media import Clip
from action_spotting.dataset.records import (
    compare_settings,
    compare_sources,
    media_there,
    read_record,
    source_of,
)
from action_spotting.errors import InputError


@pytest.fixture
def written(tmp_path):
    """A feature file of two blocks, and what it holds."""
    path = tmp_path / "1_FFT.npy"
    rows = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)
    with write_feature(path, 3, {"window_s": 0.025}) as writer:
        writer.append(rows[:50])
        writer.append(rows[50:])
    return path, rows


def test_rows_are_appended_and_read_back_as_a_memory_map(written):
    path, rows = written
    array = open_feature(path, 3)
    assert isinstance(array, np.memmap)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, rows)


def test_surplus_rows_can_be_taken_away_again(written, tmp_path):
    path, rows = written
    cut = tmp_path / "2_FFT.npy"
    with write_feature(cut, 3, {"window_s": 0.025}) as writer:
        writer.append(rows)
        writer.append(rows)
        writer.cut(100)
        writer.cut(70)
        writer.cut(90)
    assert cut.read_bytes() == path.read_bytes()


def test_the_file_is_the_one_that_numpy_writes(written, tmp_path):
    path, rows = written
    np.save(tmp_path / "plain.npy", rows)
    assert path.read_bytes() == (tmp_path / "plain.npy").read_bytes()


def test_the_record_names_the_settings_and_the_source(tmp_path, tone_video):
    path = tmp_path / "1_ResNET_TF2.npy"
    clip = Clip(tone_video, start_s=0.5)
    with write_feature(path, 1, {"fps": 2}, clip) as writer:
        writer.append(np.zeros((1, 1)))
    record = read_record(path)
    assert record["feature"] == "ResNET_TF2"
    assert record["settings"] == {"fps": 2}
    assert record["source"] == {
        "file": "tone.mkv",
        "bytes": tone_video.stat().st_size,
        "start_s": 0.5,
        "duration_s": None,
    }


def test_nothing_is_left_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError), write_feature(tmp_path / "1_X.npy", 2, {}) as writer:
        writer.append(np.zeros((5, 2)))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_when_its_successor_fails(written):
    path, rows = written
    with pytest.raises(InputError, match="gives no row"), write_feature(path, 3, {}):
        pass
    np.testing.assert_array_equal(open_feature(path), rows)
    assert read_record(path)["settings"] == {"window_s": 0.025}


def test_a_row_that_is_not_finite_is_refused_by_its_number(tmp_path):
    block = np.zeros((4, 2))
    block[2, 1] = np.nan
    with (
        pytest.raises(InputError, match="row 5 "),
        write_feature(tmp_path / "1_X.npy", 2, {}) as writer,
    ):
        writer.append(np.zeros((3, 2)))
        writer.append(block)


def damage(path, kind):
    data = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(data[:-40])
    elif kind == "header":
        path.write_bytes(data[:30])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind == "integers":
        np.save(path, np.zeros((4, 3), dtype=int))
    elif kind == "flat":
        np.save(path, np.zeros(4))
    elif kind == "rowless":
        np.save(path, np.zeros((0, 3)))
    elif kind == "text":
        path.write_text("hello" * 100)


@pytest.mark.parametrize(
    "kind", ["truncated", "header", "empty", "pickle", "integers", "flat", "rowless", "text"]
)
def test_a_damaged_file_is_broken_and_named(written, kind):
    path, _ = written
    damage(path, kind)
    assert feature_state(path, 3)[0] is State.BROKEN
    with pytest.raises(InputError, match=r"1_FFT\.npy"):
        open_feature(path)


def test_states(written, tmp_path):
    path, _ = written
    assert feature_state(tmp_path / "2_FFT.npy")[0] is State.MISSING
    assert feature_state(path, 3, {"window_s": 0.025})[0] is State.DONE
    state, reason = feature_state(path, 3, {"window_s": 0.05})
    assert state is State.STALE
    assert "window_s is 0.025, not 0.05" in reason
    assert feature_state(path, 4)[0] is State.BROKEN


def test_a_released_file_without_record_is_taken_as_it_is(tmp_path):
    np.save(tmp_path / "1_R.npy", np.zeros((4, 3), np.float32))
    assert feature_state(tmp_path / "1_R.npy", 3, {"any": "thing"})[0] is State.DONE


def test_a_damaged_record_makes_the_file_broken(written):
    path, _ = written
    path.with_suffix(".json").write_text(json.dumps({"settings": 3}))
    assert feature_state(path, 3, {})[0] is State.BROKEN


def test_settings_compare_by_content_not_by_sequence_type():
    assert compare_settings({"a": (1, 2)}, {"a": [1, 2]}) == []
    assert compare_settings({"a": {"b": 1}}, {}) == ["a is {'b': 1}, not None"]


def test_a_file_belongs_to_the_media_that_it_was_made_from(tmp_path):
    half = Half(tmp_path, "game", 1)
    path = half.feature("FFT")
    half.folder.mkdir()
    (half.folder / "1_224p.mkv").write_bytes(b"small")
    (half.folder / "1_720p.mkv").write_bytes(b"and larger")
    with write_feature(path, 3, {}, half.clip("LQ")) as writer:
        writer.append(np.ones((2, 3)))
    record = read_record(path)
    assert record["source"] == source_of(half.clip("LQ"))
    assert feature_state(path, 3, {}, source_of(half.clip("LQ")))[0] is State.DONE
    state, reason = feature_state(path, 3, {}, source_of(half.clip("720p")))
    assert state is State.STALE
    assert "made from other media: bytes is 5, not 10; file is '1_224p.mkv', not '1_720p" in reason
    assert compare_sources(record, media_there(half, "720p")) == []
    (half.folder / "1_224p.mkv").write_bytes(b"another")
    assert compare_sources(record, media_there(half)) == ["bytes is 5, not 7"]
    (half.folder / "1_224p.mkv").unlink()
    (half.folder / "1_720p.mkv").unlink()
    assert compare_sources(record, media_there(half)) == [], "there is nothing to compare with"


@pytest.mark.parametrize(("shape", "what"), [((0, 4), "row"), ((4, 0), "column")])
def test_a_file_without_rows_or_columns_is_refused(tmp_path, shape, what):
    path = tmp_path / "1_A.npy"
    np.save(path, np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=f"has no {what}"):
        open_feature(path)
