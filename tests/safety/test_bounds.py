"""What a small file states is held against bounds before memory is taken."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from action_spotting.dataset.features import MAX_ROWS, open_feature
from action_spotting.dataset.media import Clip, damage, probe
from action_spotting.errors import InputError, UsageError
from action_spotting.visual.boxes import Boxes, read_boxes, write_boxes
from action_spotting.visual.frames import FrameOptions, soccernet_choice, with_frames


def test_features_that_take_no_room_on_the_disk(tmp_path):
    path = tmp_path / "1_FFT.npy"
    with path.open("wb") as handle:
        shape = (MAX_ROWS + 1, 128)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        handle.truncate(handle.tell() + 4 * shape[0] * shape[1])
    assert path.stat().st_blocks * 512 < 100_000
    with pytest.raises(InputError, match=f"has {MAX_ROWS + 1} rows, more than the {MAX_ROWS}"):
        open_feature(path)
    assert len(np.load(path, mmap_mode="r")) == MAX_ROWS + 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rows": 10**8}, "rows at 2 a second are no half"),
        ({"rows": -5}, "are no half"),
        ({"fps": 0.0}, "are no half"),
        ({"row": np.zeros(3000, np.int32)}, "in a row"),
        ({"row": np.arange(3)[::-1]}, "out of order"),
        ({"row": np.zeros(3)}, "row is not finite whole numbers"),
        ({"confidence": np.ones(3, complex)}, "confidence is not finite numbers"),
        ({"kind": np.full(3, 77)}, "of an unknown kind"),
    ],
)
def test_boxes_of_no_half(change, match, tmp_path):
    path = tmp_path / "1_YOLOv5_boxes.npz"
    n = len(change.get("row", "123"))
    ones = np.ones(n, np.float32)
    good = {
        **{
            "rows": 4,
            "fps": 2.0,
            "row": np.arange(n, dtype=np.int32),
            "kind": np.zeros(n, np.int8),
        },
        **{"box": np.ones((n, 4), np.float32), "confidence": ones},
        "colour": np.ones((n, 3), np.float32),
    }
    if n == 3:
        write_boxes(path, Boxes(**good), {"fps": 2})
        read_boxes(path)
    write_boxes(path, Boxes(**{**good, **change}), {"fps": 2})
    with pytest.raises(InputError, match=match):
        read_boxes(path)


def test_settings_of_boxes_that_are_none(tmp_path):
    path = tmp_path / "1_YOLOv5_boxes.npz"
    none = np.zeros(0, np.float32)
    empty = Boxes(4, 2.0, np.zeros(0, np.int32), none.reshape(0, 4), none, np.zeros(0, np.int8),
                  none.reshape(0, 3))  # fmt: skip
    write_boxes(path, empty, {"fps": 2})
    read_boxes(path)
    write_boxes(path, empty, [1])
    with pytest.raises(InputError, match="not a whole file of boxes"):
        read_boxes(path)


def brute_choice(count: int, rate: float, fps: float) -> list[int]:
    """The original's own line, over all pictures."""
    number = np.arange(1, count + 1, dtype=np.float64)
    return np.flatnonzero(number % (rate / fps) < 1).tolist()


@pytest.mark.parametrize("fps", [2.0, 1 / 3, 25.0, 0.7])
@pytest.mark.parametrize("rate", [25.0, 30000 / 1001, 25.008333333333333, 70_001.7, 1])
def test_frames_are_chosen_as_over_all_pictures(rate, fps):
    for count in (0, 1, 5, 40_000):
        assert soccernet_choice(count, rate, fps).tolist() == brute_choice(count, rate, fps)


def test_a_rate_that_is_stated_takes_no_memory(tmp_path):
    """Some kilobytes, pictures far apart, 30 000 a second as it says: 10 GB when all are listed."""
    path = tmp_path / "1.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=30_000)
        video.width, video.height, video.pix_fmt = 16, 16, "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        for stamp in [0, 100, *range(3_000_000, 40_000_000, 3_000_000)]:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    assert path.stat().st_size < 10_000
    assert len(soccernet_choice(30_000 * 40_000, 30_000.0)) == 80_000
    rows = with_frames(Clip(path), FrameOptions(), lambda frames: sum(1 for _ in frames))
    assert rows <= 80_000


def test_pictures_have_a_limit_that_can_be_set(tmp_path, monkeypatch):
    path = tmp_path / "1.gif"
    Image.new("P", (8000, 6000)).save(path, save_all=True, append_images=[Image.new("P", (9, 9))])
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="8000 x 6000, more than the 40 megapixels .*MEGAPIXELS"):
        probe(path)
    monkeypatch.setenv("ACTION_SPOTTING_MEGAPIXELS", "48.5")
    assert probe(path).width == 8000
    monkeypatch.setenv("ACTION_SPOTTING_MEGAPIXELS", "many")
    with pytest.raises(UsageError, match="ACTION_SPOTTING_MEGAPIXELS=many"):
        probe(path)


def test_lack_of_memory_is_no_damage_of_media():
    kinds = damage()
    assert issubclass(av.error.InvalidDataError, kinds)
    assert not issubclass(av.error.MemoryError, kinds)
    with pytest.raises(MemoryError):
        av.error.err_check(-12)
