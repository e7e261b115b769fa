"""Decoding in parts: the pictures are those of one decoder that reads everything."""

from __future__ import annotations

import threading

import av
import numpy as np
import pytest

from action_spotting.dataset.media import Clip, open_media
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.packet_index import scan_packets
from action_spotting.visual.pyav_reader import Miscounted, PyAVReader

STRUCTURES = {
    "closed": ("a.mkv", "keyint=12:scenecut=0:bframes=3"),
    "closed, mp4": ("a.mp4", "keyint=12:scenecut=0:bframes=3"),
    "closed, transport stream": ("a.ts", "keyint=12:scenecut=0:bframes=3"),
    "open": ("b.mkv", "keyint=12:scenecut=0:bframes=3:open-gop=1:b-adapt=0"),
    "refreshed bit by bit": ("c.mkv", "keyint=12:intra-refresh=1"),
    "one key picture": ("d.mkv", "keyint=infinite:scenecut=0:bframes=3"),
    "key pictures only": ("e.mkv", "keyint=1"),
}


@pytest.fixture(scope="module", params=STRUCTURES)
def structure(request, new_video, tmp_path_factory):
    name, params = STRUCTURES[request.param]
    options = {"preset": "fast", "x264-params": params}
    path = tmp_path_factory.mktemp("structure") / name
    return request.param, new_video(path, frames=120, options=options)


def everything(path):
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="bgr24", src_colorspace="ITU601")
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("step", [1, 5, 12, 31])
def test_parts_give_what_one_decoder_gives(structure, step):
    _, path = structure
    scan, all_of_them = scan_packets(path), everything(path)
    reader = PyAVReader(path)
    for wanted in (range(0, 120, step), range(step, 120, step), [119]):
        images = list(reader.images(list(wanted), scan))
        np.testing.assert_array_equal(images, [all_of_them[i] for i in wanted])
    assert reader.damaged == 0


def test_decoding_begins_only_where_it_can(structure):
    name, path = structure
    counts = {"one key picture": 1, "key pictures only": 120, "open": 1}
    keys = scan_packets(path).keys
    if name.startswith("closed"):
        assert len(keys) == 10
    elif name in counts:
        assert len(keys) == counts[name]


def test_a_key_that_is_none_is_found_out(videos):
    scan = scan_packets(videos["plain"])
    wrong = scan.__class__(scan.rate, scan.duration_s, scan.times_s, scan.pts, scan.pts[::7] + 1)
    with pytest.raises(Miscounted):
        list(PyAVReader(videos["plain"]).images([30, 60, 90], wrong))


class Unsought:
    """A file whose every seek fails."""

    def __init__(self, container):
        self._container = container

    def __getattr__(self, name):
        return getattr(self._container, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._container.close()

    def seek(self, *_, **__):
        raise av.error.PermissionError(1, "Operation not permitted")


def test_a_file_that_cannot_be_sought_is_read_from_end_to_end(new_video, tmp_path, monkeypatch):
    options = {"preset": "fast", "x264-params": "keyint=12"}
    path = new_video(tmp_path / "a.mkv", frames=120, options=options)
    want = with_frames(Clip(path), FrameOptions(), lambda frames: np.array(list(frames)))
    monkeypatch.setattr(
        "action_spotting.visual.pyav_reader.open_media", lambda path: Unsought(open_media(path))
    )
    have = with_frames(Clip(path), FrameOptions(), lambda frames: np.array(list(frames)))
    np.testing.assert_array_equal(have, want)


def test_who_leaves_early_leaves_no_thread(new_video, tmp_path):
    options = {"preset": "fast", "x264-params": "keyint=12"}
    path = new_video(tmp_path / "a.mkv", frames=120, options=options)
    for _ in range(3):
        images = PyAVReader(path).images(list(range(0, 120, 2)), scan_packets(path))
        next(images)
        images.close()
    assert "ahead" not in {thread.name for thread in threading.enumerate()}


def test_a_part_that_is_damaged_is_told(new_video, tmp_path):
    options = {"preset": "fast", "x264-params": "keyint=12"}
    path = new_video(tmp_path / "a.mkv", frames=240, size=(64, 64), options=options)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    told: list[str] = []
    frames = with_frames(Clip(path), FrameOptions(), lambda f: len(list(f)), warn=told.append)
    assert frames <= 19
    assert told
